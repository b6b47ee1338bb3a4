/** From the rows of a text to one vector of length 1: what embeddings are. Which rows count is the model's choice, or the caller's. */

/** Rows that make a text's vector: the mean of all, the first, the last. */
export type Pooling = 'mean' | 'cls' | 'last'

/** GGUF's numbers (`{architecture}.pooling_type`); 0 is none, 4 (rank) gives a number, not a vector. */
const poolings: Readonly<Record<number, Pooling>> = { 1: 'mean', 2: 'cls', 3: 'last' }

/** What a file's number means; undefined where it gives no vector of a text. */
export function poolingOf(number: number | undefined): Pooling | undefined {
  return number === undefined ? undefined : poolings[number]
}

/** Takes a text's rows as they come, in order. */
export class Pool {
  readonly #pooling: Pooling
  /** [width] in float64: sums of thousands of rows. */
  readonly #sum: Float64Array
  #rows = 0

  constructor(pooling: Pooling, width: number) {
    this.#pooling = pooling
    this.#sum = new Float64Array(width)
  }

  /** The next row of the text, [width]. */
  add(row: Float32Array): void {
    const isFirst = this.#rows++ === 0
    if (this.#pooling === 'cls' && !isFirst) return
    if (this.#pooling === 'last') this.#sum.fill(0)
    for (let i = 0; i < this.#sum.length; i++) this.#sum[i] = (this.#sum[i] as number) + (row[i] ?? 0)
  }

  /** The text's vector, [width], divided by its length; all zeros stay so. A mean's divisor cancels. */
  vector(): Float32Array {
    const length = Math.sqrt(this.#sum.reduce((total, value) => total + value * value, 0))
    return Float32Array.from(this.#sum, (value) => (length > 0 ? value / length : 0))
  }
}

/** Root mean square normalisation of one row, times `scale` ([width] each): the last step before a model's head. */
export function normalise(row: Float32Array, scale: Float32Array, epsilon: number): Float32Array {
  const square = row.reduce((total, value) => total + value * value, 0) / row.length
  const factor = 1 / Math.sqrt(square + epsilon)
  return row.map((value, index) => value * factor * (scale[index] ?? 0))
}
