/** The page of a study: one file, no network, no script. */
import { htmlPage, markup, type Markup } from '../../../plot/index.ts'
import { definitions, provenanceFacts } from '../../report/conditions.ts'
import { plural } from '../../report/format.ts'
import { section } from '../../report/parts.ts'
import { pageStyles } from '../../report/styles.ts'
import type { StudyDocument } from '../types.ts'
import { clockSection } from './clock.ts'
import { costSections } from './cost.ts'
import { ablationSections, alphaSections } from './counts.ts'
import { binSections, rankSections } from './rounds.ts'

/** The report of a study as one HTML file. */
export function renderStudy(document: StudyDocument): string {
  const { provenance, clock } = document
  const title = `${titles[document.study]}: ${provenance.model.name}, drafted by ${document.drafter}`
  const parts = [...sectionsOf(document), ...(clock ? [clockSection(clock)] : [])]
  const body = markup`<header>
<p class="kicker">heterospec study ${document.study}</p>
<h1>${title}</h1>
<p class="lede">${lede(document)}</p>
<ul class="conditions">${document.remarks.map((remark) => markup`<li>${remark}</li>`)}</ul>
</header>
<main>
${parts}
${provenanceSection(document)}
</main>
<footer><p>Made by heterospec ${provenance.heterospec}. Counts repeat on any machine with the same texts; prices and times are this machine's.</p></footer>`
  return htmlPage({ title, styles: pageStyles, body, generator: `heterospec ${provenance.heterospec}` })
}

// ---------------------------------------------------------------------------------------------------------------

const titles: Readonly<Record<StudyDocument['study'], string>> = {
  ablation: 'What each part of HeteroSpec does',
  alpha: 'How many levels to add',
  rank: 'Where accepted paths end',
  bins: 'What entropy foretells',
  cost: 'What choosing by price is worth',
}

function sectionsOf(document: StudyDocument): Markup[] {
  switch (document.study) {
    case 'ablation':
      return ablationSections(document)
    case 'alpha':
      return alphaSections(document)
    case 'rank':
      return rankSections(document)
    case 'bins':
      return binSections(document)
    case 'cost':
      return costSections(document)
  }
}

function lede(document: StudyDocument): string {
  const { questions, groups } = document
  const from = `${plural(questions.judged, 'question')} from ${plural(groups.length, 'group')}`
  const others = plural(questions.calibration, 'other question')
  if (document.study === 'cost') return `Replayed on ${from}, the best fixed setting chosen on ${others}.`
  const calibration = document.bins.basis === 'given' ? '' : `, bins from ${others}`
  return `Replayed on ${from}${calibration}.`
}

function provenanceSection({ provenance, machine, drafter }: StudyDocument): Markup {
  return section({
    id: 'provenance',
    heading: 'Provenance',
    body: [
      markup`<p>The answers were recorded by</p>`,
      markup`<div class="command"><pre tabindex="0" role="group" aria-label="command">${provenance.command}</pre></div>`,
      definitions([['Recorded', provenance.date], ['Drafter', drafter], ['Prices of', machine], ...provenanceFacts(provenance).slice(1)]), // prettier-ignore
    ],
  })
}
