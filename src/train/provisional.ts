/** Weights of a new head until those made from the target are here: random, the output matrix the target's own. */
import { uniformAt } from '../util/rng.ts'
import { headLayout } from './net/parameters.ts'
import type { HeadShape, TeacherTables } from './types.ts'

/** By tensor name of a head's file. */
export function initialWeights(shape: HeadShape, tables: TeacherTables, seed: number): Map<string, Float32Array> {
  return new Map(
    [...headLayout(shape)].map(([name, [inputs = 1, outputs]], index) => {
      if (outputs === undefined) return [name, new Float32Array(inputs).fill(1)]
      if (name === 'output.weight')
        return [name, tables.output.map((value, at) => value * (tables.outputNorm[at % inputs] ?? 1))]
      const size = Math.sqrt(1 / inputs)
      return [
        name,
        Float32Array.from({ length: inputs * outputs }, (_, at) => size * (2 * uniformAt(seed + index, at) - 1)),
      ]
    }),
  )
}
