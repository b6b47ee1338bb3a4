/**
 * One file that holds the whole report: no network, no other files; styles and a small script inside. Without the script
 * everything but the side-by-side is there. It draws nothing itself: sections do.
 */
import { htmlPage, markup, trusted, type Markup } from '../../plot/index.ts'
import type { BenchDocument } from '../types.ts'
import { missing, noise, provenance } from './conditions.ts'
import { acceptance, prices, tauAgainstRows } from './drafting.ts'
import { headline, titleOf } from './headline.ts'
import { perPrompt, speedups, timePerRound } from './pictures.ts'
import { results } from './results.ts'
import { pageScript } from './script.ts'
import { sideBySide } from './side-by-side.ts'
import { pageStyles } from './styles.ts'
import { trees } from './trees.ts'
import { createView } from './view.ts'

/** The report of a benchmark as one HTML file. */
export function renderPage(document: BenchDocument): string {
  const view = createView(document)
  const sections = [results, speedups, acceptance, tauAgainstRows, prices, timePerRound, perPrompt, trees, sideBySide]
  const main = [...sections, noise, provenance, missing].map((part) => part(view))
  const { heterospec } = document.provenance
  const body = markup`<a class="skip" href="#main">Skip to the results</a>
${headline(view)}
${contents(main)}
<main id="main" tabindex="-1">
${main}
</main>
<footer><p>Made by heterospec ${heterospec}. Times mean something only against others of the same run.</p></footer>`
  const title = titleOf(document)
  return htmlPage({ title, styles: pageStyles, body, generator: `heterospec ${heterospec}`, script: pageScript })
}

// ------------------------------------------------------------------------------------------------------------------

/** Links to the sections that exist, taken from them. */
function contents(sections: readonly Markup[]): Markup {
  const links = sections.flatMap(({ text }) => {
    const found = /<section id="([^"]*)"[^>]*>\s*<h2[^>]*>([^<]*)</.exec(text)
    return found ? [markup`<li><a href="#${found[1]}">${trusted(found[2] ?? '')}</a></li>`] : []
  })
  return markup`<nav aria-label="Contents"><ul>${links}</ul></nav>`
}
