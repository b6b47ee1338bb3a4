/**
 * Trains an EAGLE-3 head (2503.01840) with the training-time test: batches of the target's features in, better weights out.
 * Departures from the paper: an optional loss between outputs and the target's stream, and gradients of rows that teach
 * nothing are never computed.
 */
import { defined } from '../../util/assert.ts'
import { DisposedError, NativeError, UsageError } from '../../util/errors.ts'
import { openBackend, TensorStore, TYPE, type Backend, type Tensor } from '../../tensor/index.ts'
import type { HeadShape, HeadTrainer, StepOptions, StepReport, TrainingBatch } from '../types.ts'
import { checkBatch, type FillOptions } from './fill.ts'
import { checkOptions, draftIdsByToken, type HeadTrainerOptions } from './options.ts'
import { ADAM_EPSILON, Optimizer } from './optimizer.ts'
import { Gradients, Parameters } from './parameters.ts'
import { planBatch, roundUp, type Plan } from './plan.ts'
import { Share, splitBatch } from './share.ts'
import { scaleFusion } from './tap-scales.ts'
import { reportOf } from './totals.ts'

/** A part of a batch, and which rows of it are computed. */
interface Planned {
  readonly batch: TrainingBatch
  readonly plan: Plan
}

/** Graphs of all shares are kept up to this many bytes. */
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
  /** Each has gradients of its own but the first, which writes to the parameters'. */
  readonly #shares: readonly Share[]
  readonly #gradients: readonly Gradients[]
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
    const devices = openDevices(backend, Math.max(1, options.shares ?? 1))
    this.#gradients = devices.slice(1).map(() => new Gradients(backend, this.#parameters))
    this.#shares = devices.map(
      (device, index) =>
        new Share({
          ...{ backend: device, shape, unroll: options.unroll, keptBytes: KEPT_BYTES / devices.length },
          parameters: index === 0 ? this.#parameters : defined(this.#gradients[index - 1]),
          teacher: { output: this.#teacher.get('output'), outputNorm: this.#teacher.get('norm') },
        }),
    )
  }

  /** Bytes of weights, moments, tables and graphs. */
  get bytes(): number {
    const sum = (parts: readonly { readonly bytes: number }[]): number =>
      parts.reduce((total, { bytes }) => total + bytes, 0)
    return this.#parameters.bytes + this.#teacher.bytes + sum(this.#gradients) + sum(this.#shares)
  }

  step(batch: TrainingBatch, options: StepOptions): Promise<StepReport> {
    return this.#options.backend.exclusive(async () => {
      const report = await this.#differentiate(batch, options.stateLoss)
      await this.#update(options.learningRate, report.gradientNorm)
      return report
    })
  }

  evaluate(batch: TrainingBatch): Promise<StepReport> {
    return this.#options.backend.exclusive(() => this.#compute(this.#plan(batch), 0, false))
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
      for (const each of [...this.#shares, ...this.#gradients]) each[Symbol.dispose]()
      this.#optimizer?.[Symbol.dispose]()
      this.#teacher[Symbol.dispose]()
      this.#parameters[Symbol.dispose]()
      return Promise.resolve()
    })
    for (const { backend } of this.#shares) if (backend !== this.#options.backend) await backend[Symbol.asyncDispose]()
  }

  async #differentiate(batch: TrainingBatch, stateLoss: number): Promise<StepReport> {
    const parts = this.#plan(batch)
    if (parts.every(({ plan }) => plan.lessons === 0))
      throw new UsageError('bad-option', 'expected a batch with lessons, got none; leave out texts without answers')
    const report = await this.#compute(parts, stateLoss, true)
    const gradientNorm = this.#parameters.gradientNorm()
    if (Number.isFinite(report.loss) && Number.isFinite(gradientNorm)) return { ...report, gradientNorm }
    throw new NativeError(
      'native-failure',
      `expected a finite loss, got ${report.loss} with a gradient of ${gradientNorm}; lower the learning rate or mend the data`,
    )
  }

  /** All shares at the same time. Gradients, if wanted, are those of the whole batch afterwards. */
  async #compute(parts: readonly Planned[], stateLoss: number, learn: boolean): Promise<StepReport> {
    const limit = roundUp(this.#options.candidates ?? 0)
    const restricted = learn && limit > 0 && limit < this.shape.draftVocabSize
    const fill: FillOptions = {
      ...{ width: this.shape.width, unroll: this.#options.unroll, embedding: this.#options.teacher.embedding },
      ...{ decay: this.#decay, stateLoss, tapScales: this.#tapScales, lessons: lessonsOf(parts) },
    }
    const totals = await settled(
      parts.map(({ batch, plan }, index) => {
        const candidates = restricted ? { count: limit, seed: this.#steps * this.#shares.length + index } : undefined
        return defined(this.#shares[index]).compute(batch, plan, { fill, learn, candidates })
      }),
    )
    if (learn) this.#gather(parts)
    return reportOf(totals, fill)
  }

  /** Adds up the gradients of the shares that had something to learn. */
  #gather(parts: readonly Planned[]): void {
    if (parts[0]?.plan.lessons === 0) for (const { name } of this.#parameters.list) this.#parameters.clear(name)
    this.#gradients.forEach((gradients, index) => {
      const lessons = parts[index + 1]?.plan.lessons ?? 0
      if (lessons > 0) gradients.add()
    })
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

  #plan(batch: TrainingBatch): Planned[] {
    this.#requireLive()
    checkBatch(batch, this.shape.width)
    return splitBatch(batch, this.#shares.length).map((part) => ({
      batch: part,
      plan: planBatch(part, this.#options.unroll, this.#draftIdOf),
    }))
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

/** [unroll]: rows that learn at each step, in all parts together. */
function lessonsOf(parts: readonly Planned[]): number[] {
  const steps = defined(parts[0]).plan.steps
  return steps.map((_, step) => parts.reduce((sum, { plan }) => sum + defined(plan.steps[step]).lessons, 0))
}

/** Waits for all, also where one fails: none may still be at work when the next step begins. */
async function settled<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

/** The devices of the shares: all threads in one, or threads divided among several. */
function openDevices(backend: Backend, shares: number): Backend[] {
  if (shares === 1) return [backend]
  const { threads } = backend
  return Array.from({ length: shares }, (_, share) =>
    openBackend({ threads: Math.max(1, Math.floor((threads + share) / shares)) }),
  )
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
