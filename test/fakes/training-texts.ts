/** Texts and features of fixed seeds, for tests of training without a model. */
import { encodeHalf } from '../../src/train/run/half.ts'
import type { FeatureReader, TextFeatures } from '../../src/train/run/features.ts'
import type { TrainingText } from '../../src/train/types.ts'
import { uniformAt } from '../../src/util/rng.ts'

/** `count` texts of 8 to 40 tokens, each with one or two answers. */
export function someTexts(count: number, seed = 1, vocabSize = 64): TrainingText[] {
  return Array.from({ length: count }, (_, index) => {
    const draw = (place: number, below: number): number => Math.floor(uniformAt(1000 * seed + index, place) * below)
    const length = 8 + draw(0, 33)
    const middle = 4 + draw(1, length - 6)
    const tokens = Array.from({ length }, (_, place) => draw(2 + place, vocabSize))
    const answers: [number, number][] =
      middle > 6
        ? [
            [3, 5],
            [middle, length],
          ]
        : [[middle, length]]
    return { tokens, answers, temperature: 0 }
  })
}

/** A reader whose features are a function of the tokens read so far. `counts.rows` says how much it computed. */
export function fakeReader(width: number): FeatureReader & { readonly counts: { rows: number } } {
  const columns = 4 * width
  const counts = { rows: 0 }
  return {
    columns,
    counts,
    read(texts, { onRows } = {}) {
      return Promise.resolve(
        texts.map((tokens): TextFeatures => {
          counts.rows += tokens.length
          onRows?.(tokens.length)
          const numbers = new Uint16Array(tokens.length * columns)
          let sum = 0
          tokens.forEach((token, row) => {
            sum = (31 * sum + token) % 1009
            const values = Float32Array.from({ length: columns }, (_, column) => Math.sin(sum + column))
            encodeHalf(values, numbers, row * columns)
          })
          return { rows: tokens.length, numbers, best: Int32Array.from(tokens, (token) => (token * 7) % 64) }
        }),
      )
    },
  }
}
