/** Numbers that training reads from files: all types that the engine runs, against ggml's look-up of rows or our own tables. */
import { expect, it } from 'vitest'
import { weightTypes, type WeightType } from '../../scripts/tiny/encoding.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { readTensor, requireReadable } from '../../src/train/tensors.ts'
import { teacherTensors } from '../../src/train/run/open-trainer.ts'
import { tinyFile } from '../tiny.ts'
import { readWeights } from './weights.ts'

it.each(Object.keys(weightTypes) as WeightType[])('of a model in %s', async (weightType) => {
  const file = loadGguf(await tinyFile({ weightType, width: 256, layers: 1 }))
  const names = teacherTensors(file)
  requireReadable(file, names)
  const sample = names.filter((name) => /token_embd|output_norm|attn_k|ffn_down/.test(name))
  const weights = await readWeights({ ...file, tensors: file.tensors.filter(({ name }) => sample.includes(name)) })
  for (const name of sample) {
    const { values, inputs } = weights.get(name)!
    const read = readTensor(file, name)
    // One rounding of a product and a sum is all that two ways may differ in.
    const error = values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - read[i]!) / (1e-3 + Math.abs(value))),
      0,
    )
    expect(error).toBeLessThan(1e-5)
    const rows = Int32Array.of(1, 0)
    if (values.length >= 2 * inputs) {
      const picked = readTensor(file, name, rows)
      expect(picked).toEqual(Float32Array.of(...read.subarray(inputs, 2 * inputs), ...read.subarray(0, inputs)))
    }
  }
})

it('of a file whose weights are integers are refused', async () => {
  const file = loadGguf(await tinyFile({}))
  const tensors = file.tensors.map((tensor) => ({ ...tensor, type: 26 }))
  expect(() => requireReadable({ ...file, tensors }, ['output_norm.weight'])).toThrow(
    /expected weights in output_norm\.weight, got I32/,
  )
})
