/** The section in which the reader chooses two methods. The script of the page fills it; here are its controls and its data. */
import { markup, trusted, type Markup } from '../../plot/index.ts'
import { section } from './parts.ts'
import { pairData } from './pairs.ts'
import { fastest, type View } from './view.ts'

/** Two selects, a sentence, three tables. */
export function sideBySide(view: View): Markup {
  const { sides } = view
  if (sides.length < 2) return markup``
  const best = fastest(view)?.side
  const second = Math.max(0, sides.findIndex((side) => side.isBaseline)) // prettier-ignore
  const first = best ? sides.indexOf(best) : second === 0 ? 1 : 0
  const options = (chosen: number): Markup[] =>
    sides.map(({ name, failed }, index) => {
      const selected = index === chosen && markup` selected`
      return markup`<option value="${index}"${selected}>${name}${failed && ' (failed)'}</option>`
    })
  return section({
    id: 'side-by-side',
    heading: 'Any two methods side by side',
    body: markup`<p class="controls" hidden><label for="first">Method</label> <select id="first">${options(first)}</select> <label for="second">against</label> <select id="second">${options(second)}</select></p>
<noscript><p>Choosing two methods needs JavaScript. The tables above have their figures.</p></noscript>
<p id="pair-sentence" class="lede small" role="status"></p>
<div id="pair-tables"></div>
<script type="application/json" id="pair-data">${embed(pairData(view, [first, second]))}</script>`,
  })
}

// ------------------------------------------------------------------------------------------------------------------

/** JSON that cannot end the element that it stands in. */
function embed(data: unknown): Markup {
  return trusted(
    JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    }),
  )
}
