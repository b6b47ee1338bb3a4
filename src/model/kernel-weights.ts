/** Weights in the order that our own kernels read, and the settings of their operations, in native memory. */
import { defined } from '../util/assert.ts'
import { throwIfAborted } from '../util/errors.ts'
import { Graph, TensorStore, TYPE, type AttentionSizes, type Backend, type Settings } from '../tensor/index.ts'
import type { ModelConfig } from './config.ts'
import { groupKey, LAYER_GROUPS, type GroupName, type PlannedGroup, type PlannedMatrix } from './kernel-plan.ts'
import { StructWriter } from './structs.ts'
import type { Weights } from './weights.ts'

/** Matrices that share their input, as one operation. */
export interface LinearGroup extends Omit<PlannedGroup, 'matrices'> {
  readonly settings: Settings
}

export interface KernelSettings {
  readonly none: Settings
  readonly norm: Settings
  readonly rope: Settings
  readonly attention: Settings
}

export interface PackOptions {
  readonly signal?: AbortSignal | undefined
  /** Bytes packed so far. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Tiles begin at multiples of a cache line. */
const ALIGNMENT = 64n
/** Groups packed between two looks at the abort signal: about a layer. */
const GROUPS_AT_ONCE = 4

export class KernelWeights implements Disposable {
  readonly settings: KernelSettings
  /** Of the matrices that were packed. */
  readonly names: ReadonlySet<string>
  readonly sizes: AttentionSizes
  /** Bytes of tiles. */
  readonly bytes: number
  /** True when the head is the embedding table too, and the only copy of it. */
  readonly holdsEmbedding: boolean
  /** True when no product of the model is left to ggml. */
  readonly complete: boolean
  readonly #store: TensorStore
  readonly #groups: ReadonlyMap<string, LinearGroup>
  /** Settings of the operations that fill the tiles, group by group. */
  readonly #packings: readonly (readonly Settings[])[]

  private constructor(backend: Backend, plan: readonly PlannedGroup[], config: ModelConfig, weights: Weights) {
    this.names = new Set(plan.flatMap((group) => group.matrices.map(({ weight }) => weight)))
    this.bytes = plan.reduce((sum, group) => sum + groupBytes(group), 0)
    this.complete = plan.length === config.layerCount * LAYER_GROUPS.length + 1
    this.holdsEmbedding = plan.some((group) => group.matrices.some(({ weight }) => weight === 'token_embd.weight'))
    this.sizes = { heads: config.headCount, kvHeads: config.kvHeadCount, headDim: config.headDim }
    const matrices = plan.reduce((sum, group) => sum + group.matrices.length, 0)
    this.#store = new TensorStore(backend, [
      { name: 'tiles', type: TYPE.I8, shape: [this.bytes + Number(ALIGNMENT)] },
      { name: 'settings', type: TYPE.I8, shape: [StructWriter.bytesFor({ groups: plan.length, matrices })] },
    ])
    const structs = new StructWriter(this.#address('settings'), this.#store.view(this.#store.get('settings')))
    const placed = placeMatrices(plan, weights, (this.#address('tiles') + ALIGNMENT - 1n) & -ALIGNMENT)
    this.#groups = new Map(
      placed.map(({ matrices: own, ...group }) => [group.key, { ...group, settings: structs.linear(own) }]),
    )
    this.#packings = placed.map((group) => group.matrices.map((matrix) => structs.packing(matrix)))
    this.settings = {
      none: structs.none(),
      norm: structs.norm(config.normEpsilon),
      rope: structs.rope(config.rope),
      attention: structs.attention(config),
    }
  }

  /** Packs the planned matrices on the device's threads. Throws `out-of-memory`. */
  static async pack(
    backend: Backend,
    plan: readonly PlannedGroup[],
    config: ModelConfig,
    weights: Weights,
    options: PackOptions = {},
  ): Promise<KernelWeights> {
    const packed = new KernelWeights(backend, plan, config, weights)
    try {
      let done = 0
      for (let at = 0; at < plan.length; at += GROUPS_AT_ONCE) {
        throwIfAborted(options.signal)
        await fillTiles(backend, packed.#packings.slice(at, at + GROUPS_AT_ONCE).flat())
        done += plan.slice(at, at + GROUPS_AT_ONCE).reduce((sum, group) => sum + groupBytes(group), 0)
        options.onProgress?.(done)
      }
      return packed
    } catch (error) {
      packed[Symbol.dispose]()
      throw error
    }
  }

  /** Undefined when the kernels have no format for one of the group's matrices. */
  group(name: GroupName, layer = 0): LinearGroup | undefined {
    return this.#groups.get(groupKey(name, layer))
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]()
  }

  #address(name: string): bigint {
    return this.#store.address(this.#store.get(name))
  }
}

/** A matrix whose places in memory are known. */
export interface PlacedMatrix extends PlannedMatrix {
  readonly blocks: bigint
  readonly tiles: bigint
  /** 0 without one. */
  readonly biasAddress: bigint
}

// ---------------------------------------------------------------------------------------------------------------

interface PlacedGroup extends PlannedGroup {
  readonly matrices: readonly PlacedMatrix[]
}

function groupBytes(group: PlannedGroup): number {
  return group.matrices.reduce((sum, { bytes }) => sum + bytes, 0)
}

function placeMatrices(plan: readonly PlannedGroup[], weights: Weights, start: bigint): PlacedGroup[] {
  let next = start
  return plan.map((group) => ({
    ...group,
    matrices: group.matrices.map((matrix) => {
      const tiles = next
      next += BigInt(matrix.bytes)
      const blocks = weights.address(matrix.weight)
      return { ...matrix, tiles, blocks, biasAddress: weights.has(matrix.bias) ? weights.address(matrix.bias) : 0n }
    }),
  }))
}

function fillTiles(backend: Backend, packings: readonly Settings[]): Promise<void> {
  return backend.exclusive(async () => {
    using graph = new Graph(backend, packings.length + 16)
    const ops = defined(graph.kernels, 'kernels')
    graph.shared = true
    for (const settings of packings) graph.output(ops.pack(settings))
    graph.allocate()
    await graph.compute()
  })
}
