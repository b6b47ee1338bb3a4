/** Figures as the report writes them. Text only. */

/** A ratio, `1.32`. */
export function ratio(value: number): string {
  return value.toFixed(2)
}

/** A share, `43 %`. */
export function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

/** A count, `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en')
}

/** Milliseconds with about three digits, `0.12 ms`, `8.41 ms`, `812 ms`. */
export function milliseconds(value: number): string {
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)}\u00a0ms`
}

/** `98.4 MB`, `25.2 GB`. */
export function bytes(value: number): string {
  const [size, unit] = value < 1e9 ? [value / 1e6, 'MB'] : [value / 1e9, 'GB']
  return `${size.toFixed(size >= 100 ? 0 : 1)} ${unit}`
}

/** `1 question`, `12 questions`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
}

/** What stands where there is nothing to tell. */
export const nothing = '–'
