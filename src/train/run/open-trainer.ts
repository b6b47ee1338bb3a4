/** The trainer of a run: a new head begins as the target's last layer, another one with its own weights. */
import type { GgufModel } from '../../gguf/index.ts'
import { readModelConfig } from '../../model/index.ts'
import { defined } from '../../util/assert.ts'
import { median } from '../../util/math.ts'
import type { TextFeatures } from './features.ts'
import { halfTable } from './half.ts'
import type { TrainerParts } from './head-run-types.ts'
import { createHeadTrainer, initialWeights } from '../net/index.ts'
import { readTensor } from '../tensors.ts'
import type { HeadTrainer } from '../types.ts'

/** For `HeadRunParts.createTrainer`. Throws `unsupported-model` where the target's tables cannot be read. */
export function openTrainer(parts: TrainerParts): Promise<HeadTrainer> {
  const { target, backend, shape, draftIds, weights, tables, tapScales, settings } = parts
  const { unroll, seed, candidates, batch } = settings.learning
  const begin = (): ReadonlyMap<string, Float32Array> => {
    const { layerCount, architecture } = readModelConfig(target)
    const layer = readLayer(target, layerCount - 1)
    return initialWeights({ shape, teacher: tables, layer, rotation: architecture.ropeMode, tapScales, seed })
  }
  return Promise.resolve(
    createHeadTrainer({
      ...{ shape, backend, teacher: tables, draftIds, unroll, tapScales, initial: weights ?? begin() },
      shares: Math.min(settings.threads, batch),
      ...(candidates > 0 && { candidates }),
    }),
  )
}

/**
 * Root mean square of the three tapped streams in some texts. The middle row of each: a few rows, the first one above all,
 * are a hundred times larger in many models, and no measure for the others.
 */
export function measureTaps(texts: readonly TextFeatures[], width: number): readonly [number, number, number] {
  const table = halfTable()
  const size = (tap: number): number =>
    median(
      texts.flatMap(({ rows, numbers }) =>
        Array.from({ length: rows }, (_, row) => {
          const start = (4 * row + tap) * width
          const squares = numbers
            .subarray(start, start + width)
            .reduce((sum, bits) => sum + defined(table[bits]) ** 2, 0)
          return Math.sqrt(squares / width)
        }),
      ),
    )
  return [size(0), size(1), size(2)]
}

/** Tensors of the target that a trainer reads. */
export function teacherTensors(target: GgufModel): string[] {
  const last = readModelConfig(target).layerCount - 1
  const tables = ['token_embd.weight', 'output.weight', 'output_norm.weight']
  return [...tables, ...names.map((name) => nameInLayer(last, name))]
}

// ---------------------------------------------------------------------------------------------------------------

const names = [
  ...['attn_norm', 'attn_q', 'attn_k', 'attn_v', 'attn_output'],
  ...['ffn_norm', 'ffn_gate', 'ffn_up', 'ffn_down'],
]

function readLayer(target: GgufModel, layer: number): Map<string, Float32Array> {
  return new Map(names.map((name) => [name, readTensor(target, nameInLayer(layer, name))]))
}

function nameInLayer(layer: number, name: string): string {
  return `blk.${layer}.${name}.weight`
}
