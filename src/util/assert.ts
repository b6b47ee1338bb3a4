/** Checks of our own invariants. A failure here is a bug of heterospec, never a mistake of the user. */

/** Throws when an internal invariant does not hold. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`internal: ${what}`)
}

/** Ends a switch over a union: a new member fails to compile here. */
export function unreachable(value: never): never {
  throw new Error(`internal: unexpected value ${String(value)}`)
}

/** Narrows away `undefined` where an index is known to be in range. */
export function defined<T>(value: T | undefined, what = 'a value that must exist'): T {
  if (value === undefined) throw new Error(`internal: missing ${what}`)
  return value
}
