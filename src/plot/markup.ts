/**
 * Markup that cannot be broken into: a template tag that escapes every value unless it is markup itself. SVG and HTML
 * share it, because both stand in one page. It knows no elements and checks no nesting.
 */
import { assert } from '../util/assert.ts'

/** Text that is markup already. Made only by `markup` and `trusted`. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

/** What may stand in a template: text and numbers are escaped, lists are joined, nothing stays nothing. */
export type MarkupValue = string | number | Markup | readonly MarkupValue[] | null | undefined | false

/** Builds markup: `` markup`<td>${text}</td>` ``. Numbers are meant as coordinates: two decimals, and they must be finite. */
export function markup(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(parts.map((part, index) => part + (index < values.length ? write(values[index]) : '')).join(''))
}

/** Markup from text that is known to be markup: our own styles, scripts and paths. Never for what came from outside. */
export function trusted(text: string): Markup {
  return new Markup(text)
}

/**
 * Text for element contents and quoted attributes. Characters that XML cannot carry, and those that turn the direction
 * of what follows, become U+FFFD: a name from a file must not rearrange the page.
 */
export function escapeText(text: string): string {
  return text.replace(unspeakable, '\ufffd').replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

// ------------------------------------------------------------------------------------------------------------------

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const unspeakable = /\p{Surrogate}|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu

function write(value: MarkupValue): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'string') return escapeText(value)
  if (typeof value === 'number') {
    assert(Number.isFinite(value), `expected a finite coordinate, got ${value}`)
    return String(Math.round(value * 100) / 100)
  }
  return value.map(write).join('')
}
