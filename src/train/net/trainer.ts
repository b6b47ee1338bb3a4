/**
 * Trains an EAGLE-3 head (2503.01840) with the training-time test: batches of the target's features in, better weights out.
 * Departures from the paper: an optional loss between outputs and the target's stream, and gradients of rows that teach
 * nothing are never computed.
 */
import { assert, defined } from '../../util/assert.ts'
import { DisposedError, NativeError, UsageError } from '../../util/errors.ts'
import { TensorStore, TYPE, type Backend, type Tensor } from '../../tensor/index.ts'
import type { HeadShape, HeadTrainer, StepOptions, StepReport, TeacherTables, TrainingBatch } from '../types.ts'
import { chooseCandidates, type Candidates } from './candidates.ts'
import { checkBatch, fillNetwork, lessonStates, readReport, type FillOptions } from './fill.ts'
import { buildNetwork, disposeNetwork, type Network, type NetworkOptions } from './network.ts'
import { ADAM_EPSILON, Optimizer } from './optimizer.ts'
import { Parameters } from './parameters.ts'
import { planBatch, roundUp, type Plan } from './plan.ts'
import { scaleFusion } from './tap-scales.ts'

export interface HeadTrainerOptions {
  readonly shape: HeadShape
  /** The CPU; stays the caller's. */
  readonly backend: Backend
  readonly teacher: TeacherTables
  /** Target ids of the draft vocabulary, ascending; undefined when it is the target's. */
  readonly draftIds: Int32Array | undefined
  /** Steps of the training-time test, 1 to 16. */
  readonly unroll: number
  /** Weights to begin with, by tensor name. */
  readonly initial: ReadonlyMap<string, Float32Array>
  /** Weight of step s in the loss is this to the s. Default 0.8. */
  readonly layerDecay?: number
  /** Longest gradient. Default 0.5. */
  readonly clip?: number
  /** AdamW's memory of the gradient and of its square. Default 0.9 and 0.95. */
  readonly betas?: readonly [number, number]
  /** AdamW's pull towards zero, times the learning rate. Default 0. */
  readonly weightDecay?: number
  /**
   * Draft tokens that the output head is restricted to while it learns; 0 or undefined: all. Quicker where the draft
   * vocabulary is large; losses and agreement that `step` reports are estimates then, those of `evaluate` never.
   */
  readonly candidates?: number
  /**
   * Typical sizes of the tapped streams, low to high. Training divides the streams by them, so that one learning rate suits
   * the fusion, too: AdamW's steps are as long for inputs of size 50 as for those of size 1. Weights that come and go are
   * for the streams as they are. Default 1.
   */
  readonly tapScales?: readonly [number, number, number]
}

const MAX_UNROLL = 16
/** Graphs for batches of other sizes are kept up to this many bytes: they are soon built, and large. */
const KEPT_BYTES = 512 * 2 ** 20
const STEPS = 'steps'

/** Opens a trainer. Throws `bad-option` for weights, tables or settings that do not fit the shape. */
export function createHeadTrainer(options: HeadTrainerOptions): NetTrainer {
  return new NetTrainer(options)
}

export class NetTrainer implements HeadTrainer {
  readonly shape: HeadShape
  readonly #options: HeadTrainerOptions
  readonly #decay: number
  readonly #parameters: Parameters
  readonly #teacher: TensorStore
  readonly #draftIdOf: (token: number) => number
  readonly #tapScales: readonly number[]
  readonly #networks = new Map<string, Network>()
  #optimizer: Optimizer | undefined
  #steps = 0
  #disposed = false

  constructor(options: HeadTrainerOptions) {
    checkOptions(options)
    const { backend, shape, teacher } = options
    this.shape = shape
    this.#options = options
    this.#decay = options.layerDecay ?? 0.8
    this.#tapScales = options.tapScales ?? [1, 1, 1]
    this.#draftIdOf = draftIdsByToken(options)
    this.#parameters = new Parameters(backend, shape, scaleFusion(options.initial, this.#tapScales, shape.width))
    this.#teacher = new TensorStore(backend, [
      { name: 'output', type: TYPE.F32, shape: [shape.width, shape.draftVocabSize] },
      { name: 'norm', type: TYPE.F32, shape: [shape.width] },
    ])
    this.#teacher.write(this.#teacher.get('output'), bytesOf(teacher.output))
    this.#teacher.write(this.#teacher.get('norm'), bytesOf(teacher.outputNorm))
  }

  /** Bytes of weights, moments, tables and graphs. */
  get bytes(): number {
    return this.#parameters.bytes + this.#teacher.bytes + this.#graphBytes()
  }

  step(batch: TrainingBatch, options: StepOptions): Promise<StepReport> {
    return this.#options.backend.exclusive(async () => {
      const report = await this.#differentiate(batch, options.stateLoss)
      await this.#update(options.learningRate, report.gradientNorm)
      return report
    })
  }

  evaluate(batch: TrainingBatch): Promise<StepReport> {
    return this.#options.backend.exclusive(() => this.#compute(batch, this.#plan(batch), 0, false))
  }

  /** The gradients of a batch by tensor name, before clipping; changes nothing. For checks. */
  gradients(batch: TrainingBatch, stateLoss: number): Promise<ReadonlyMap<string, Float32Array>> {
    return this.#options.backend.exclusive(async () => {
      await this.#differentiate(batch, stateLoss)
      return new Map(this.#parameters.list.map(({ name, gradient }) => [name, this.#parameters.view(gradient).slice()]))
    })
  }

  weights(): ReadonlyMap<string, Float32Array> {
    this.#requireLive()
    const trained = new Map(
      this.#parameters.list.map(({ name, value }) => [name, this.#parameters.view(value).slice()]),
    )
    return scaleFusion(
      trained,
      this.#tapScales.map((scale) => 1 / scale),
      this.shape.width,
    )
  }

  state(): ReadonlyMap<string, Float32Array> {
    this.#requireLive()
    const copies = this.#stored().map(([name, tensor]) => [name, this.#parameters.view(tensor).slice()] as const)
    return new Map([...copies, [STEPS, Float32Array.of(this.#steps)]])
  }

  restore(state: ReadonlyMap<string, Float32Array>): void {
    this.#requireLive()
    const stored = this.#stored()
    for (const [name, tensor] of [...stored, [STEPS, undefined] as const]) {
      const wanted = tensor ? this.#parameters.view(tensor).length : 1
      const found = state.get(name)?.length
      if (found !== wanted)
        throw new UsageError(
          'bad-option',
          `expected ${wanted} numbers in ${name} of a checkpoint, got ${found ?? 'none'}; use one of this head`,
        )
    }
    for (const [name, tensor] of stored) this.#parameters.view(tensor).set(defined(state.get(name)))
    this.#steps = defined(state.get(STEPS)?.[0])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    await this.#options.backend.exclusive(() => {
      this.#disposed = true
      for (const network of this.#networks.values()) disposeNetwork(network)
      this.#networks.clear()
      this.#optimizer?.[Symbol.dispose]()
      this.#teacher[Symbol.dispose]()
      this.#parameters[Symbol.dispose]()
      return Promise.resolve()
    })
  }

  async #differentiate(batch: TrainingBatch, stateLoss: number): Promise<StepReport> {
    const plan = this.#plan(batch)
    if (plan.lessons === 0)
      throw new UsageError('bad-option', 'expected a batch with lessons, got none; leave out texts without answers')
    const report = await this.#compute(batch, plan, stateLoss, true)
    const gradientNorm = this.#parameters.gradientNorm()
    if (Number.isFinite(report.loss) && Number.isFinite(gradientNorm)) return { ...report, gradientNorm }
    throw new NativeError(
      'native-failure',
      `expected a finite loss, got ${report.loss} with a gradient of ${gradientNorm}; lower the learning rate or mend the data`,
    )
  }

  async #compute(batch: TrainingBatch, plan: Plan, stateLoss: number, learn: boolean): Promise<StepReport> {
    const limit = roundUp(this.#options.candidates ?? 0)
    const restricted = learn && limit > 0 && limit < this.shape.draftVocabSize
    const candidates = restricted ? limit : undefined
    const network = this.#network({ sizes: plan.sizes, learn, stateLoss: stateLoss > 0, candidates })
    const options: FillOptions = {
      width: this.shape.width,
      unroll: this.#options.unroll,
      embedding: this.#options.teacher.embedding,
      decay: this.#decay,
      stateLoss,
      tapScales: this.#tapScales,
    }
    const chosen = candidates === undefined ? undefined : await this.#choose(network, batch, plan, candidates)
    fillNetwork(network, batch, plan, options, chosen)
    await network.graph.compute()
    return readReport(network, chosen ? { ...plan, wanted: placesOf(plan.wanted, chosen.ids) } : plan, options)
  }

  async #choose(network: Network, batch: TrainingBatch, plan: Plan, count: number): Promise<Candidates> {
    const mass = await defined(network.mass).run(lessonStates(batch, plan, this.shape.width))
    this.#parameters.view(this.#parameters.get('output.weight').gradient).fill(0)
    return chooseCandidates(mass, plan.wanted, count, this.#steps)
  }

  async #update(learningRate: number, gradientNorm: number): Promise<void> {
    const { betas = [0.9, 0.95], clip = 0.5, weightDecay = 0, backend } = this.#options
    this.#optimizer ??= new Optimizer(backend, this.#parameters)
    const steps = this.#steps + 1
    const correct = betas.map((beta) => 1 / (1 - beta ** steps))
    await this.#optimizer.run(
      [learningRate, ...betas, ADAM_EPSILON, weightDecay, ...correct],
      Math.min(1, clip / Math.max(gradientNorm, 1e-30)),
    )
    this.#steps = steps
  }

  #plan(batch: TrainingBatch): Plan {
    this.#requireLive()
    checkBatch(batch, this.shape.width)
    return planBatch(batch, this.#options.unroll, this.#draftIdOf)
  }

  #network(options: NetworkOptions): Network {
    const key = JSON.stringify(options)
    const known = this.#networks.get(key)
    this.#networks.delete(key)
    const network =
      known ??
      buildNetwork(
        {
          backend: this.#options.backend,
          shape: this.shape,
          unroll: this.#options.unroll,
          parameters: this.#parameters,
          teacher: { output: this.#teacher.get('output'), outputNorm: this.#teacher.get('norm') },
        },
        options,
      )
    this.#networks.set(key, network)
    for (const [other, oldest] of this.#networks) {
      if (this.#networks.size === 1 || this.#graphBytes() <= KEPT_BYTES) break
      this.#networks.delete(other)
      disposeNetwork(oldest)
    }
    return network
  }

  #graphBytes(): number {
    return [...this.#networks.values()].reduce((sum, { graph, mass }) => sum + graph.bytes + (mass?.bytes ?? 0), 0)
  }

  #stored(): [string, Tensor][] {
    return this.#parameters.list.flatMap(({ name, value, moments: [mean, square] }): [string, Tensor][] => [
      [name, value],
      [`mean ${name}`, mean],
      [`square ${name}`, square],
    ])
  }

  #requireLive(): void {
    if (this.#disposed) throw new DisposedError('trainer')
  }
}

// ---------------------------------------------------------------------------------------------------------------

function checkOptions({ backend, shape, teacher, unroll, draftIds }: HeadTrainerOptions): void {
  assert(backend.isCpu, 'training on a device without common memory')
  if (!Number.isInteger(unroll) || unroll < 1 || unroll > MAX_UNROLL)
    throw new UsageError('bad-option', `expected 1 to ${MAX_UNROLL} unrolled steps, got ${unroll}; use 3`)
  const sizes = [
    ['output rows of the target', teacher.output.length, shape.draftVocabSize * shape.width],
    ['the target’s output norm', teacher.outputNorm.length, shape.width],
    ['draft ids', draftIds?.length ?? shape.draftVocabSize, shape.draftVocabSize],
    ['whole rows of the embedding', teacher.embedding.length % shape.width, 0],
  ] as const
  for (const [what, found, wanted] of sizes) {
    if (found !== wanted)
      throw new UsageError(
        'bad-option',
        `expected ${wanted} numbers in ${what}, got ${found}; give this target’s tables`,
      )
  }
}

/** Draft ids to their places among the candidates. */
function placesOf(wanted: Int32Array, ids: Int32Array): Int32Array {
  const places = new Map(Array.from(ids, (id, place) => [id, place]))
  return wanted.map((id) => places.get(id) ?? -1)
}

function draftIdsByToken({ draftIds }: HeadTrainerOptions): (token: number) => number {
  if (!draftIds) return (token) => token
  const places = new Map(Array.from(draftIds, (token, id) => [token, id]))
  return (token) => places.get(token) ?? -1
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
