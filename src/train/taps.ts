/** Which streams of the target a head reads. */

/** Layers whose incoming streams a head reads when nobody says: early, middle and late, as EAGLE-3's official code has it. */
export function officialTaps(layerCount: number): number[] {
  return [2, layerCount >> 1, layerCount - 3]
}
