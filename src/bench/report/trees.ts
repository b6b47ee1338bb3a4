/** Pictures of sample rounds: what a method guessed, what the target took, what it said instead. */
import { markup, treeChart, visibleText, type Markup } from '../../plot/index.ts'
import type { TreeSample } from '../types.ts'
import { milliseconds, plural } from './format.ts'
import { scroller, section } from './parts.ts'
import type { View } from './view.ts'

/** A few rounds of each method that drafts. */
export function trees({ sides, document }: View): Markup {
  const parts = sides.flatMap(({ name }) => {
    const samples = document.samples.filter(({ side }) => side === name)
    return samples.length === 0 ? [] : [markup`<h3>${name}</h3>${choose(samples).map(treeFigure)}`]
  })
  if (parts.length === 0) return markup``
  return section({
    id: 'trees',
    heading: 'Rounds as trees',
    body: markup`<p class="note">From left to right as text is read. The first box is the root, the last token that was already there. <b>Framed boxes</b> with solid branches were accepted, <span class="muted">grey ones</span> with broken branches rejected, the box with the <b>broken frame</b> is the target's own token. The figure in a box is the drafter's probability of it after its parent. ${legendOfForms}</p>${parts}`,
  })
}

// ------------------------------------------------------------------------------------------------------------------

const perSide = 3

const legendOfForms = `${visibleText(' ')} is a space, ${visibleText('\n')} a line feed, ${visibleText('\t')} a tab, ${visibleText('')} no text.`

/** The luckiest, the unluckiest and one between: what the method can and cannot. Repeated tokens, as in a run of blanks, are no luck. */
function choose(samples: readonly TreeSample[]): TreeSample[] {
  if (samples.length <= perSide) return [...samples]
  const luck = ({ emittedTexts }: TreeSample): number => new Set(emittedTexts).size
  const byLuck = [...samples].sort((a, b) => luck(b) - luck(a))
  return [0, byLuck.length >> 1, byLuck.length - 1].flatMap((place) => byLuck[place] ?? [])
}

function treeFigure(sample: TreeSample, index: number): Markup {
  const { side, id, round, texts, emittedTexts } = sample
  const { acceptedPath, parents, logProbs } = round.tree
  const own = emittedTexts.length > acceptedPath.length ? emittedTexts.at(-1) : undefined
  const emitted = emittedTexts.map((text) => `“${visibleText(text)}”`).join(' ')
  const words = `Question ${id}, round ${round.round}: ${round.accepted} of ${plural(round.drafted, 'drafted token')} accepted`
  const drawing = treeChart({
    id: `tree-${side.replace(/[^\w-]/g, '-')}-${index}`,
    title: `${side}, ${words.toLowerCase()}`,
    description: `A tree of ${parents.length} nodes. Emitted: ${emitted}.`,
    parents,
    texts,
    chances: logProbs.map((logProb) => (logProbs.some((value) => value !== 0) ? Math.exp(logProb) : undefined)),
    accepted: acceptedPath,
    own,
  })
  const times = `draft ${milliseconds(round.draftMs)}, target ${milliseconds(round.targetMs)}`
  return markup`<figure class="tree">${scroller(`${side}, round ${round.round} of question ${id}`, drawing, 'chart')}<figcaption>${words}; emitted ${emitted} (${times}).</figcaption></figure>`
}
