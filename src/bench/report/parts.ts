/** Pieces that sections are made of: headings, tables in their scrolling frames, pictures with captions. */
import { mark, markup, trusted, type Markup, type MarkupValue } from '../../plot/index.ts'
import { showInterval } from '../statistics.ts'
import type { Interval } from '../types.ts'
import type { SideView, Verdict } from './view.ts'

/** A section that the contents can lead to. */
export interface Section {
  readonly id: string
  readonly heading: string
  readonly body: MarkupValue
}

/** A section with its heading. */
export function section({ id, heading, body }: Section): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${heading}</h2>
${body}
</section>
`
}

/** Something wide that scrolls by itself, also by keyboard, instead of making the page scroll. */
export function scroller(label: string, body: MarkupValue, className = ''): Markup {
  return markup`<div class="scroll ${className}" role="group" aria-label="${label}" tabindex="0">${body}</div>`
}

/** A table with its caption; `head` are the names of the columns, of which the first `words` hold words, `bodies` are groups of rows. */
export function table(caption: string, head: readonly string[], bodies: MarkupValue, words = 1): Markup {
  const heading = head.map(
    (name, index) => markup`<th scope="col"${index < words && markup` class="words"`}>${name}</th>`,
  )
  return scroller(
    caption,
    markup`<table><caption>${caption}</caption><thead><tr>${heading}</tr></thead>${bodies}</table>`,
  )
}

/** Rows of a table that is only text and figures; the first cell is a heading, the first `words` cells are words. */
export function plainRows(rows: readonly (readonly string[])[], words = 1): Markup {
  const cell = (text: string, index: number): Markup =>
    index + 1 < words ? markup`<td class="words">${text}</td>` : markup`<td>${text}</td>`
  const line = ([first = '', ...rest]: readonly string[]): Markup =>
    markup`<tr><th scope="row">${first}</th>${rest.map(cell)}</tr>
`
  return markup`<tbody>${rows.map(line)}</tbody>`
}

/** A picture, what it says, and its figures for those who want them as a table. */
export function figure(name: string, drawing: Markup, caption: MarkupValue, figures?: Markup): Markup {
  const data = figures && markup`<details><summary>The same as a table</summary>${figures}</details>`
  return markup`<figure>${scroller(`${name}, chart`, drawing, 'chart')}<figcaption>${caption}</figcaption>${data}</figure>`
}

/** A side's name with its mark, as in the pictures. */
export function sideName({
  name,
  look,
  isBaseline,
  failed,
}: Pick<SideView, 'name' | 'look' | 'isBaseline' | 'failed'>): Markup {
  const drawing = mark(look, 6, 6, 40)
  const sign = markup`<svg class="plot sign" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">${drawing}</svg>`
  // A long name may break where its parts join, and only there.
  const [first = '', ...rest] = name.split(/(?<=[/:,])/)
  const words = markup`<span class="start">${sign}${first}</span>${rest.map((part) => markup`${trusted('<wbr>')}${part}`)}`
  const tag = isBaseline && markup` <span class="tag">baseline</span>`
  const cross = failed && markup` <span class="failed" role="img" aria-label="failed" title="failed">✗</span>`
  return markup`${words}${tag}${cross}`
}

/** An interval with a sign that says whether it is beyond noise. */
export function intervalCell(interval: Interval, verdict: Verdict): Markup {
  const [mean = '', range = ''] = showInterval(interval).split(/ (?=\()/)
  return markup`<td class="${verdict}"><span class="mean"><span class="verdict" aria-hidden="true">${signs[verdict]}</span> <b>${mean}</b></span> <span class="range">${range}</span></td>`
}

// ------------------------------------------------------------------------------------------------------------------

const signs: Readonly<Record<Verdict, string>> = { faster: '▲', slower: '▼', same: '≈', few: '·' }
