/**
 * Which matrices our own kernels take over, in groups: matrices that are multiplied by the same input are one operation.
 * A group is taken whole or not at all. Decided from the file's tensor table, before any weight is read.
 */
import { defined } from '../util/assert.ts'
import { TYPE } from '../tensor/index.ts'
import type { GgufModel } from '../gguf/index.ts'
import type { LinearName } from './architecture.ts'
import type { ModelConfig } from './config.ts'

/** `fusion` is the matrix that a draft head reads its target's features with. */
export type GroupName = 'qkv' | 'attn_output' | 'gate_up' | 'ffn_down' | 'head' | 'fusion'

/** The members of the groups that every layer has, in order of their output columns. */
export const MEMBERS: Record<(typeof LAYER_GROUPS)[number], readonly LinearName[]> = {
  qkv: ['attn_q', 'attn_k', 'attn_v'],
  attn_output: ['attn_output'],
  gate_up: ['ffn_gate', 'ffn_up'],
  ffn_down: ['ffn_down'],
}

/** The groups of one layer, in order of use. */
export const LAYER_GROUPS = ['qkv', 'attn_output', 'gate_up', 'ffn_down'] as const

export interface PlannedMatrix {
  readonly weight: string
  /** Name of the bias, which the file may lack. */
  readonly bias: string
  readonly type: number
  readonly inputs: number
  readonly outputs: number
  /** In tiles. */
  readonly bytes: number
}

export interface PlannedGroup {
  readonly key: string
  readonly inputs: number
  readonly outputs: number
  /** What the matrices are multiplied by: rounded activations, or F32 for matrices of floating-point numbers. */
  readonly as: 'activations' | 'f32'
  readonly matrices: readonly PlannedMatrix[]
}

/** Bytes of a matrix in tiles; 0 when the kernels have no format for it. */
export type PackedBytes = (type: number, inputs: number, outputs: number) => number

export function groupKey(name: GroupName, layer: number): string {
  return name === 'head' || name === 'fusion' ? name : `${layer} ${name}`
}

/** All groups that the kernels can take over. */
export function planGroups(file: GgufModel, config: ModelConfig, packedBytes: PackedBytes): PlannedGroup[] {
  if (config.headDim % 32 !== 0) return []
  const group = groupPlanner(file, packedBytes)
  const layers = Array.from({ length: config.layerCount }, (_, layer) => planLayer(group, layer))
  const tied = file.tensors.every((tensor) => tensor.name !== 'output.weight')
  const head = group(groupKey('head', 0), [tied ? 'token_embd' : 'output'])
  return [...layers.flat(), head].filter((planned) => planned !== undefined)
}

/** The groups of a draft head's file: like a model of one layer with a matrix for features; its head may be the target's. */
export function planDraftHead(file: GgufModel, config: ModelConfig, packedBytes: PackedBytes): PlannedGroup[] {
  if (config.headDim % 32 !== 0) return []
  const group = groupPlanner(file, packedBytes)
  const groups = [group(groupKey('fusion', 0), ['fc']), ...planLayer(group, 0), group(groupKey('head', 0), ['output'])]
  return groups.filter((planned) => planned !== undefined)
}

// ---------------------------------------------------------------------------------------------------------------

/** Plans one group by the names of its matrices; undefined when the kernels cannot take it. */
type GroupPlanner = (key: string, names: readonly string[]) => PlannedGroup | undefined

function groupPlanner(file: GgufModel, packedBytes: PackedBytes): GroupPlanner {
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  return (key, names) => {
    const matrices = names.map((name): PlannedMatrix => {
      const weight = `${name}.weight`
      const { type = -1, shape = [] } = tensors.get(weight) ?? {}
      const [inputs = 0, outputs = 0] = shape
      const bytes = shape.slice(2).every((extent) => extent === 1) ? packedBytes(type, inputs, outputs) : 0
      const bias = name === 'token_embd' ? 'output.bias' : `${name}.bias`
      return { weight, bias, type, inputs, outputs, bytes }
    })
    return checkGroup(key, matrices)
  }
}

function planLayer(group: GroupPlanner, layer: number): (PlannedGroup | undefined)[] {
  return LAYER_GROUPS.map((name) =>
    group(
      groupKey(name, layer),
      MEMBERS[name].map((member) => `blk.${layer}.${member}`),
    ),
  )
}

function checkGroup(key: string, matrices: readonly PlannedMatrix[]): PlannedGroup | undefined {
  const floats = matrices.filter(({ type }) => type === TYPE.F16 || type === TYPE.BF16).length
  const { inputs } = defined(matrices[0])
  const alike = (floats === 0 || floats === matrices.length) && matrices.every((matrix) => matrix.inputs === inputs)
  if (!alike || matrices.some(({ bytes }) => bytes === 0)) return undefined
  const outputs = matrices.reduce((sum, matrix) => sum + matrix.outputs, 0)
  return { key, inputs, outputs, as: floats > 0 ? 'f32' : 'activations', matrices }
}
