/**
 * The loop of a training run: steps, evaluations, checkpoints, the best weights, an early end. It knows batches and a
 * trainer, no files and no model. The same inputs give the same weights, bit for bit, in one piece or in many.
 */
import { throwIfAborted } from '../../util/errors.ts'
import type { CheckpointFile } from './checkpoint.ts'
import { meanScores, chainLength } from './scores.ts'
import { learningRateAt, stateLossAt, type Schedule } from './schedule.ts'
import type { CurvePoint, RunEvent, RunPosition, RunResult } from './run-types.ts'
import type { HeadTrainer, StepReport, TrainingBatch } from '../types.ts'

/** Batches of a run. */
export interface BatchSource {
  /** Number of batches of an epoch. */
  count(epoch: number): number
  /** The batch at a place of an epoch; undefined where none of its lessons can be drafted. */
  batch(epoch: number, place: number): Promise<TrainingBatch | undefined>
  /** Batches of held-out texts, always the same. */
  heldOut(): AsyncIterable<TrainingBatch>
}

export interface RunOptions extends Schedule {
  /** Undefined: until the time is over. */
  readonly epochs: number | undefined
  readonly minutes: number | undefined
  /** Evaluations over the whole run, besides the first one and those early in the first epoch. */
  readonly evaluations: number
  /** Evaluations without a better one before the run ends early. */
  readonly patience: number
  readonly checkpointMs: number
}

export interface RunParts {
  readonly trainer: HeadTrainer
  readonly batches: BatchSource
  readonly options: RunOptions
  readonly checkpoint: CheckpointFile
  /** Milliseconds of any clock. */
  readonly now: () => number
  /** Called with every new best weights. */
  readonly onBest: (weights: ReadonlyMap<string, Float32Array>, point: CurvePoint) => Promise<void>
  readonly onEvent?: ((event: RunEvent) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Trains until epochs or minutes are over, or nothing gets better any more. An abort is obeyed after the current step, with a
 * checkpoint; it throws `aborted`.
 */
export async function runTraining(parts: RunParts): Promise<RunResult> {
  const run = new Run(parts)
  await run.begin()
  while (run.position.finished === 'no') await run.next()
  return run.end()
}

/** Places in the first epoch that are evaluated for the learning curve: doublings of the data. */
const EARLY_MARKS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1] as const

/** How many evaluations are due when so much is done. */
export function milestonesAt(progress: number, epochs: number, evaluations: number): number {
  return Math.floor(Math.min(1, progress) * evaluations + 1e-9) + EARLY_MARKS.filter((mark) => epochs >= mark).length
}

// ---------------------------------------------------------------------------------------------------------------

class Run {
  position: RunPosition = {
    ...{ epoch: 0, batch: 0, step: 0, tokens: 0, elapsedMs: 0, milestone: 0, curve: [], best: 0, finished: 'no' },
    since: nothing,
  }
  readonly #parts: RunParts
  #best: ReadonlyMap<string, Float32Array> = new Map()
  #startedAt = 0
  #startedTokens = 0
  /** Time of the run before this process. */
  #before = 0
  #savedAt = 0

  constructor(parts: RunParts) {
    this.#parts = parts
  }

  /** Goes on where a checkpoint says, or evaluates what there is before the first step. */
  async begin(): Promise<void> {
    const { checkpoint, trainer, onEvent, now, signal } = this.#parts
    const found = checkpoint.read()
    this.#startedAt = now()
    this.#savedAt = now()
    if (!found) {
      throwIfAborted(signal)
      await this.#evaluate()
      this.#save()
      return
    }
    trainer.restore(found.state)
    this.position = found.position
    this.#best = found.best
    this.#before = found.position.elapsedMs
    this.#startedTokens = found.position.tokens
    onEvent?.({ kind: 'resumed', position: this.position })
  }

  /** One step, and what is due after it. */
  async next(): Promise<void> {
    const { batches, options, signal } = this.#parts
    if (signal?.aborted) {
      this.#save()
      throwIfAborted(signal)
    }
    const { epoch, batch } = this.position
    const progress = this.#progress()
    const learningRate = learningRateAt(options, progress, this.position.step)
    const data = await batches.batch(epoch, batch)
    const settings = { learningRate, stateLoss: stateLossAt(options, progress) }
    const report = data && (await this.#parts.trainer.step(data, settings))
    this.#advance(report)
    if (report) this.#tell(report, learningRate)
    const milestone = milestonesAt(this.#progress(), this.#epochs(), options.evaluations)
    if (milestone > this.position.milestone) await this.#evaluate(milestone)
    if (this.#progress() >= 1) this.position = { ...this.position, finished: 'done' }
    if (this.position.finished !== 'no' || this.#parts.now() - this.#savedAt >= options.checkpointMs) this.#save()
  }

  end(): RunResult {
    return { position: this.position, best: this.#best }
  }

  #epochs(): number {
    const { epoch, batch } = this.position
    return epoch + batch / this.#parts.batches.count(epoch)
  }

  /** Of epochs or of time, whichever is further. */
  #progress(): number {
    const { epochs, minutes } = this.#parts.options
    const byEpochs = epochs === undefined ? 0 : this.#epochs() / epochs
    const byTime = minutes === undefined ? 0 : this.position.elapsedMs / (60_000 * minutes)
    return Math.min(1, Math.max(byEpochs, byTime))
  }

  #advance(report: StepReport | undefined): void {
    const first = report?.depths[0]
    const { epoch, batch, step, tokens, since } = this.position
    const isLast = batch + 1 >= this.#parts.batches.count(epoch)
    this.position = {
      ...this.position,
      ...(isLast ? { epoch: epoch + 1, batch: 0 } : { batch: batch + 1 }),
      step: step + (report ? 1 : 0),
      tokens: tokens + (first?.rows ?? 0),
      elapsedMs: this.#before + this.#parts.now() - this.#startedAt,
      since: {
        steps: since.steps + (report ? 1 : 0),
        loss: since.loss + (report?.loss ?? 0),
        agreement: since.agreement + (first?.agreement ?? 0),
      },
    }
  }

  #tell({ loss, depths }: StepReport, learningRate: number): void {
    const { position } = this
    const progress = this.#progress()
    const here = position.elapsedMs - this.#before
    this.#parts.onEvent?.({
      ...{ kind: 'step', position, loss, learningRate, progress, agreement: depths[0]?.agreement ?? 0 },
      rowsPerSecond: (1000 * (position.tokens - this.#startedTokens)) / Math.max(1, here),
      leftMs: (position.elapsedMs / Math.max(progress, 1e-9)) * (1 - progress),
    })
  }

  async #evaluate(milestone = 0): Promise<void> {
    const { trainer, batches, options, onBest, onEvent } = this.#parts
    const reports: StepReport[] = []
    for await (const batch of batches.heldOut()) reports.push(await trainer.evaluate(batch))
    const heldOut = meanScores(reports)
    const { step, tokens, elapsedMs, since, curve } = this.position
    const point: CurvePoint = {
      ...{ step, tokens, elapsedMs, heldOut, epoch: this.#epochs() },
      trainingLoss: since.steps === 0 ? null : since.loss / since.steps,
      trainingAgreement: since.steps === 0 ? null : since.agreement / since.steps,
      tau: chainLength(heldOut),
    }
    const isBest = curve.length === 0 || point.tau > (curve[this.position.best]?.tau ?? 0)
    const best = isBest ? curve.length : this.position.best
    const isStuck = sinceRecord([...curve, point]) >= options.patience
    this.position = {
      ...this.position,
      ...{ milestone, best, since: nothing, curve: [...curve, point], finished: isStuck ? 'early' : 'no' },
    }
    if (isBest) {
      this.#best = trainer.weights()
      // Before the first step there is nothing to show.
      if (step > 0) await onBest(this.#best, point)
    }
    onEvent?.({ kind: 'evaluated', point, isBest })
  }

  #save(): void {
    this.#parts.checkpoint.write({ position: this.position, state: this.#parts.trainer.state(), best: this.#best })
    this.#savedAt = this.#parts.now()
  }
}

/** Points since the loss or the agreement on held-out text was better than ever before. */
function sinceRecord(curve: readonly CurvePoint[]): number {
  let record = 0
  let [loss, tau] = [Infinity, 0]
  curve.forEach((point, index) => {
    const own = point.heldOut[0]?.loss ?? Infinity
    if (own < loss || point.tau > tau) record = index
    loss = Math.min(loss, own)
    tau = Math.max(tau, point.tau)
  })
  return curve.length - 1 - record
}

const nothing = { steps: 0, loss: 0, agreement: 0 } as const
