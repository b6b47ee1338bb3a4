/**
 * Random numbers as a pure function of (seed, position). Rejected drafts never consume randomness,
 * so the same seed gives the same text with speculation on or off.
 * Mixing: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), on two 64-bit words.
 */

const MASK = (1n << 64n) - 1n

function mix(value: bigint): bigint {
  let z = (value + 0x9e3779b97f4a7c15n) & MASK
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return z ^ (z >> 31n)
}

/** Uniform number in [0, 1) with 53 random bits for the draw at `position`. */
export function uniformAt(seed: number, position: number): number {
  const bits = mix(mix(BigInt.asUintN(64, BigInt(Math.trunc(seed)))) ^ mix(BigInt(position) ^ 0x5851f42d4c957f2dn))
  return Number(bits >> 11n) / 9007199254740992
}
