/** The first sentences: what was compared on what machine, who was fastest, whether the texts are the same, whether to believe it. */
import { markup, type Markup } from '../../plot/index.ts'
import { OVERALL } from '../summary.ts'
import { NOISY, noiseAdvice } from '../table.ts'
import type { BenchDocument } from '../types.ts'
import { enumerate, percent, plural, ratio } from './format.ts'
import { fastest, fewestQuestions, type View } from './view.ts'

/** Title of the page. */
export function titleOf({ provenance, sides }: BenchDocument): string {
  return `${provenance.model.name}: ${plural(sides.length, 'way')} of decoding`
}

/** Heading, the sentence, the conditions, and a warning where one is due. */
export function headline(view: View): Markup {
  const { document } = view
  return markup`<header>
<p class="kicker">heterospec bench</p>
<h1>${titleOf(document)}</h1>
<p class="lede">${verdict(view)} ${sameness(view)}</p>
<p class="conditions">${conditions(document)}</p>
${document.noise.noisy && document.turns.length > 0 && warning(document)}
</header>
`
}

// ------------------------------------------------------------------------------------------------------------------

function verdict(view: View): Markup {
  const { document, baseline, sides, questions, groups } = view
  const asked = `${plural(questions.length, 'question')} from ${plural(groups.length, 'group')}`
  const best = fastest(view)
  if (questions.length === 0) return markup`No question was answered.`
  if (!best) {
    return sides.length < 2
      ? markup`Only <b>${baseline}</b> answered ${asked}: there is nothing to compare it with.`
      : markup`On ${asked}, no method can be compared with <b>${baseline}</b>.`
  }
  const { side, speedup } = best
  const range = markup`(95 % interval ${ratio(speedup.low)} to ${ratio(speedup.high)}; ${overall(document, side.name)})`
  if (view.judge(speedup, OVERALL) === 'few') {
    return markup`On ${asked}, <b>${side.name}</b> decoded fastest, ${ratio(speedup.mean)} times as fast as ${baseline}, but fewer than ${fewestQuestions} questions say nothing about others.`
  }
  if (speedup.low > 1) {
    return markup`On ${asked}, <b>${side.name}</b> decoded fastest: <b>${ratio(speedup.mean)} times as fast as ${baseline}</b> ${range}.`
  }
  const nearest = markup`The nearest is <b>${side.name}</b> with ${ratio(speedup.mean)} times its speed ${range}.`
  return markup`On ${asked}, no method decoded faster than <b>${baseline}</b> beyond noise. ${nearest}`
}

function overall({ summary }: BenchDocument, name: string): string {
  const whole = summary.find((row) => row.side === name && row.group === OVERALL)?.endToEndSpeedup
  return whole ? `end to end ${ratio(whole.mean)}, ${ratio(whole.low)} to ${ratio(whole.high)}` : 'end to end unknown'
}

function sameness({ sides, document }: View): Markup {
  const judged = sides.filter(({ name, info }) => name !== info.plain)
  const outputs = judged.reduce((sum, { overall: row }) => sum + (row?.turns ?? 0), 0)
  const different = judged.filter(({ overall: row }) => (row?.different ?? 0) > 0)
  if (judged.length === 0) return markup``
  if (different.length === 0) {
    return markup`All ${plural(outputs, 'output')} of speculation are those of plain decoding, token by token.`
  }
  const total = different.reduce((sum, { overall: row }) => sum + (row?.different ?? 0), 0)
  const names = different.map(({ name, overall: row }) => `${name} (${row?.different ?? 0} of ${row?.turns ?? 0})`)
  const failed = different.some((side) => side.failed)
  const lossy = document.options.temperature > 0 ? ' Sampled outputs of other programs may.' : ''
  return markup`<b>${total} of ${plural(outputs, 'output')}</b> of speculation ${total === 1 ? 'differs' : 'differ'} from plain decoding: ${enumerate(names)}${failed && ', reported as failed'}.${lossy}`
}

function conditions({ provenance, options }: BenchDocument): string {
  const { machine, threads, kernels, model, date } = provenance
  const sampling = options.temperature === 0 ? 'greedy' : `temperature ${options.temperature}`
  return `${model.file} on ${machine.cpu} (${plural(machine.processors, 'processor')}, ${plural(threads, 'thread')} used, kernels ${kernels}), ${options.maxTokens} tokens at most, ${sampling}, ${date.slice(0, 10)}.`
}

function warning(document: BenchDocument): Markup {
  const { noise, turns } = document
  const { low, high } = noise.reference
  return markup`<p class="warning" role="note"><strong>${NOISY}</strong> A fixed reference workload took ${percent(low)} to ${percent(high)} of its median time; turns more than ${percent(noise.limit)} away: ${noise.driftedTurns} of ${turns.length}. ${noiseAdvice(document)}</p>`
}
