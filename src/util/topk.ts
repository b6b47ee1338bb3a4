/** The k best entries of a row, ties toward the smaller id. */

export interface TopK {
  readonly ids: Int32Array
  readonly values: Float32Array
}

/**
 * Ids and values of the `k` largest entries of `row`, best first.
 * Insertion into a short sorted list: for k <= 64 the scan of the row dominates,
 * because almost every entry fails the one comparison with the worst kept value.
 */
export function topK(row: Float32Array, k: number): TopK {
  const size = Math.min(k, row.length)
  const ids = new Int32Array(size)
  const values = new Float32Array(size).fill(-Infinity)
  if (size === 0) return { ids, values }
  let filled = 0
  let worst = -Infinity
  for (let i = 0; i < row.length; i++) {
    const value = row[i] as number
    if (filled === size && value <= worst) continue
    let at = filled < size ? filled++ : size - 1
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number
      ids[at] = ids[at - 1] as number
      at--
    }
    values[at] = value
    ids[at] = i
    if (filled === size) worst = values[size - 1] as number
  }
  return { ids, values }
}
