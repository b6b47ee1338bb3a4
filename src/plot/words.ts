/** Texts in pictures: how wide they are, how they are cut, and how characters look that cannot be seen. */

/**
 * A token's text with visible forms for what has none: `⏎` for a line feed, `␣` for a space, `⇥` for a tab, control
 * pictures, code points in brackets for marks of direction and zero width, `∅` for no text at all.
 */
export function visibleText(text: string): string {
  if (text === '') return '∅'
  return text.replace(/\p{Surrogate}/gu, '\ufffd').replace(hidden, (character) => {
    const known = forms[character]
    if (known !== undefined) return known
    const code = character.codePointAt(0) ?? 0
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `[${code.toString(16).padStart(4, '0')}]`
  })
}

/** At most `limit` columns, with an ellipsis where something was cut. Never cuts a character in two. */
export function shorten(text: string, limit: number): string {
  if (columnsOf(text) <= limit) return text
  const kept: string[] = []
  let columns = 1
  for (const { segment } of graphemes.segment(text)) {
    columns += columnsOf(segment)
    if (columns > limit) break
    kept.push(segment)
  }
  return `${kept.join('')}…`
}

/** Columns of a fixed-width font: East Asian characters and pictographs take two. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue
    columns += (character.codePointAt(0) ?? 0) >= 0x1100 && wide.test(character) ? 2 : 1
  }
  return columns
}

/** About how wide `text` is in the page's proportional font. On the generous side: nothing measures fonts here. */
export function widthOf(text: string, fontSize: number): number {
  return columnsOf(text) * fontSize * 0.6
}

// ------------------------------------------------------------------------------------------------------------------

const forms: Readonly<Record<string, string>> = { '\n': '⏎', '\r': '␍', '\t': '⇥', ' ': '␣', '\u007f': '␡' }

// Controls, blanks, soft hyphen, marks of direction, zero width, byte order.
const hidden = /[\p{Cc}\p{Z}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
