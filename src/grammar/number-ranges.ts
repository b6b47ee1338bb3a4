/**
 * Numbers between bounds, as rules of a grammar. The library's own rules for them let other numbers come, and texts that are no numbers.
 * Bounds are exact decimals here; a number with bounds is written without an exponent, and with no more digits than doubles tell apart.
 */

/** The keywords of bounds. */
export const boundKeys = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'] as const

type Bounds = Readonly<Partial<Record<(typeof boundKeys)[number], unknown>>>

/** The expression (EBNF) of the numbers that keep to these bounds; undefined where there are none. */
export function numberRule(bounds: Bounds, type: 'integer' | 'number'): string | undefined {
  const places = type === 'integer' ? 0 : fractionPlaces(bounds)
  const [low, high] = scaledBounds(bounds, places)
  const positive = high === undefined || high >= 0n ? magnitudes(largest(low ?? 0n, 0n), high, places) : []
  // Zero has no sign.
  const least = high === undefined ? 1n : largest(-high, 1n)
  const negative = low === undefined || -low >= least ? magnitudes(least, low === undefined ? low : -low, places) : []
  const all = [...positive, ...(negative.length > 0 ? [`"-" (${negative.join(' | ')})`] : [])]
  return all.length > 0 ? `(${all.join(' | ')})` : undefined
}

/** Does a number keep to these bounds? */
export function keepsBounds(value: number, bounds: Bounds): boolean {
  const { minimum = -Infinity, exclusiveMinimum = -Infinity, maximum = Infinity, exclusiveMaximum = Infinity } = bounds
  return (
    value >= Number(minimum) &&
    value > Number(exclusiveMinimum) &&
    value <= Number(maximum) &&
    value < Number(exclusiveMaximum)
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** Significant digits that a double always keeps. */
const KEPT_DIGITS = 15
/** Digits after the point, and digits of a bound that are looked at one by one: the library reads no deep rules. Others are cut off, inwards. */
const MOST_PLACES = 20
const MOST_DIGITS = 36

/** digits / 10^places. */
interface Decimal {
  readonly digits: bigint
  readonly places: number
}

/** Digits after the point: as many as a bound has, and as many as are surely on the right side of it when they are read. */
function fractionPlaces(bounds: Bounds): number {
  const decimals = (keys: readonly (keyof Bounds)[]): Decimal[] =>
    keys.flatMap((key) => (typeof bounds[key] === 'number' ? [decimalOf(bounds[key])] : []))
  // Rounding takes no number across a bound, only onto it.
  const excluded = decimals(['exclusiveMinimum', 'exclusiveMaximum'])
  const whole = excluded.reduce((most, { digits, places }) => Math.max(most, String(digits).length - places), 1)
  const parts = decimals(boundKeys)
  const most = parts.reduce((sum, { places }) => Math.max(sum, places), Math.max(0, KEPT_DIGITS - whole))
  return Math.min(most, MOST_PLACES)
}

/** Least and largest number times 10^places, as far as there are bounds: the stricter ones. */
function scaledBounds(bounds: Bounds, places: number): readonly [low: bigint | undefined, high: bigint | undefined] {
  /** The least number from a bound on; upper bounds are lower ones of the opposite numbers. */
  const from = (bound: unknown, sign: 1 | -1, excluded: boolean): bigint[] => {
    if (typeof bound !== 'number') return []
    const value = sign * bound
    const { digits, places: own } = decimalOf(Math.abs(value))
    const magnitude = own > places ? digits / 10n ** BigInt(own - places) : digits * 10n ** BigInt(places - own)
    const isWhole = own <= places || digits % 10n ** BigInt(own - places) === 0n
    const floor = value < 0 ? (isWhole ? -magnitude : -magnitude - 1n) : magnitude
    const least = isWhole && !excluded ? floor : floor + 1n
    // What was sent may have been rounded when it was read.
    return [Number.isSafeInteger(Math.trunc(value)) ? least : least + magnitude / 2n ** 53n + 1n]
  }
  const lows = [...from(bounds.minimum, 1, false), ...from(bounds.exclusiveMinimum, 1, true)]
  const highs = [...from(bounds.maximum, -1, false), ...from(bounds.exclusiveMaximum, -1, true)]
  const [low, high] = [lows, highs].map(([first, ...others]) => first === undefined ? first : others.reduce(largest, first)) // prettier-ignore
  return [low, high === undefined ? undefined : -high]
}

/** The magnitude of a finite number. */
function decimalOf(value: number): Decimal {
  const [, whole = '0', fraction = '', exponent = '0'] =
    /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  const places = fraction.length - Number(exponent)
  const digits = BigInt(whole + fraction)
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 }
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** Alternatives for the numbers from `low` to `high` (none: without end), both at least 0 and times 10^places. */
function magnitudes(least: bigint, most: bigint | undefined, places: number): string[] {
  const [low, high] = [shortened(least, true), most === undefined ? most : shortened(most, false)]
  if (high !== undefined && low > high) return []
  const scale = 10n ** BigInt(places)
  const lengthOf = (value: bigint): number => String(value / scale).length
  const [shortest, longest] = [lengthOf(low), high === undefined ? lengthOf(low) : lengthOf(high)]
  const found: string[] = []
  for (const length of new Set([shortest, longest])) {
    const first = length === 1 ? 0n : 10n ** BigInt(length - 1) * scale
    const last = 10n ** BigInt(length) * scale - 1n
    const own = [largest(low, first), high === undefined || high > last ? last : high]
    const [from = '', to = ''] = own.map((value) => String(value).padStart(length + places, '0'))
    found.push(sequences({ from, to, whole: length }, 0, true, true))
  }
  // All lengths between them, or from the shortest on.
  const free = (least: number, most: string): string => `[1-9] [0-9]{${least - 1},${most}}${fractionOf(places)}`
  if (high === undefined) found.push(free(shortest + 1, ''))
  else if (longest - shortest > 1) found.push(free(shortest + 1, `${longest - 2}`))
  return found
}

/** A number whose last digits need not be looked at, the next one above or below. */
function shortened(value: bigint, up: boolean): bigint {
  const rest = 10n ** BigInt(Math.max(0, String(value).length - MOST_DIGITS))
  if (rest === 1n) return value
  return up ? (value / rest + 1n) * rest : (value / rest) * rest - 1n
}

interface Digits {
  /** All digits of the least number and the largest, without a point, equally many. */
  readonly from: string
  readonly to: string
  /** So many stand before the point. */
  readonly whole: number
}

/** What may come from a digit on: `low` and `high` tell whether all before are the bound's own. Zeros behind the point may be left out. */
function sequences(digits: Digits, at: number, low: boolean, high: boolean): string {
  const { from, to, whole } = digits
  const isZero = /^0*$/.test(from.slice(at))
  if (low && isZero) return sequences(digits, at, false, high)
  if (high && /^9*$/.test(to.slice(at))) return sequences(digits, at, low, false)
  const places = from.length - whole
  const left = from.length - at
  if (!low && !high) {
    if (at > whole) return left === 0 ? '' : `[0-9]{0,${left}}`
    return at === whole ? fractionOf(places) : `[0-9]{${whole - at}}${fractionOf(places)}`
  }
  const first = low ? Number(from[at]) : 0
  const last = high ? Number(to[at]) : 9
  const found: string[] = []
  const add = (a: number, b: number, isLow: boolean, isHigh: boolean): void => {
    if (a > b) return
    found.push(`${a === b ? `"${a}"` : `[${a}-${b}]`} ${sequences(digits, at + 1, isLow, isHigh)}`)
  }
  if (first === last) add(first, last, low, high)
  else {
    if (low) add(first, first, true, false)
    add(low ? first + 1 : first, high ? last - 1 : last, false, false)
    if (high) add(last, last, false, true)
  }
  const tail = `${at === whole ? '"." ' : ''}(${found.join(' | ')})`
  // The text may end here if zeros would follow.
  return at >= whole && (!low || isZero) ? `(${tail})?` : tail
}

function fractionOf(places: number): string {
  return places === 0 ? '' : ` ("." [0-9]{1,${places}})?`
}
