import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeRun } from '../../../test/fakes/training-run.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { CurvePoint, RunResult } from './run-types.ts'
import { milestonesAt, runTraining } from './train.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-train-'))
  path = join(folder, 'head.training')
})
afterEach(() => rm(folder, { recursive: true }))

/** Everything but times. */
function numbersOf({ position, best }: RunResult) {
  const curve = position.curve.map((point) => ({ ...point, elapsedMs: 0 }))
  return { ...position, elapsedMs: 0, curve, weights: [...best] }
}

describe('a run', () => {
  it('learns, looks at held-out text at doublings of the first epoch and evenly, and keeps the best', async () => {
    const parts = fakeRun(path)
    const written: CurvePoint[] = []
    const result = await runTraining({ ...parts, onBest: (_, point) => Promise.resolve(void written.push(point)) })
    const { curve, best, step, finished, epoch } = result.position
    expect({ step, finished, epoch }).toEqual({ step: 3 * parts.batches.count(0), finished: 'done', epoch: 3 })
    expect(curve[0]).toMatchObject({ step: 0, tokens: 0, trainingLoss: null })
    expect(curve.at(-1)!.heldOut[0]!.loss).toBeLessThan(curve[0]!.heldOut[0]!.loss)
    expect(curve.filter(({ epoch: at }) => at > 0 && at <= 1).length).toBeGreaterThanOrEqual(5)
    expect(curve[best]!.tau).toBe(Math.max(...curve.map(({ tau }) => tau)))
    expect(written.at(-1)).toEqual(curve[best])
  })

  it('ends early when nothing gets better, with the weights of the best moment', async () => {
    const parts = fakeRun(
      path,
      { patience: 3, learningRate: -0.01, warmUp: 0 },
      { agreement: (count) => (count < 2 ? 0.5 : 0.1) },
    )
    const { position } = await runTraining(parts)
    expect(position.finished).toBe('early')
    expect(position.step).toBeLessThan(3 * parts.batches.count(0))
  })

  it('follows the clock where minutes are given', async () => {
    let now = 0
    const parts = { ...fakeRun(path, { epochs: undefined, minutes: 1 }), now: () => (now += 1000) }
    const { position } = await runTraining(parts)
    expect(position.finished).toBe('done')
    expect(position.elapsedMs).toBeGreaterThanOrEqual(60_000)
    expect(position.elapsedMs).toBeLessThan(66_000)
  })

  it('counts evaluations that are due', () => {
    expect(milestonesAt(0, 0, 10)).toBe(0)
    expect(milestonesAt(0.05, 0.2, 10)).toBe(2)
    expect(milestonesAt(1, 4, 10)).toBe(15)
  })
})

describe('an interrupted run', () => {
  it('goes on to the same weights and curve, bit for bit, wherever it was stopped', async () => {
    const whole = numbersOf(await runTraining(fakeRun(join(folder, 'other'))))
    for (let at = 0; at < whole.step; at += 7) {
      const stop = new AbortController()
      const parts = fakeRun(path)
      const onEvent: typeof parts.onEvent = (event) => {
        if (event.kind === 'step' && event.position.step >= at) stop.abort()
      }
      await expect(runTraining({ ...parts, signal: stop.signal, onEvent })).rejects.toMatchObject({ code: 'aborted' })
      const resumed = await runTraining(fakeRun(path))
      expect(numbersOf(resumed)).toEqual(whole)
      fakeRun(path).checkpoint.remove()
    }
  })

  it('saves nothing when it was stopped before it began', async () => {
    const signal = AbortSignal.abort()
    await expect(runTraining({ ...fakeRun(path), signal })).rejects.toMatchObject({ code: 'aborted' })
    expect(existsSync(path)).toBe(false)
  })

  it('goes on after SIGKILL at any moment', async () => {
    const child = fileURLToPath(new URL('../../../test/fakes/train-until-killed.ts', import.meta.url))
    const start = () =>
      spawn(process.execPath, ['--import', 'tsx', child, path, join(folder, 'result')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    const whole = await runTraining(fakeRun(join(folder, 'other')))
    let lastStep = 0
    for (const delay of [3, 60, 25, 110]) {
      const process = start()
      const closed = once(process, 'close')
      await once(process.stdout, 'data')
      await new Promise((done) => setTimeout(done, delay))
      process.kill('SIGKILL')
      await closed
      // A quick machine may be done before it is killed.
      if (existsSync(join(folder, 'result'))) break
      const found = openCheckpoint(path, { data: 'same', epochs: 3 }).read()
      expect(found?.position.step ?? 0).toBeGreaterThanOrEqual(lastStep)
      lastStep = found?.position.step ?? 0
    }
    const last = start()
    await once(last, 'close')
    expect(JSON.parse(readFileSync(join(folder, 'result'), 'utf8'))).toEqual({
      step: whole.position.step,
      curve: whole.position.curve.map(({ tau }) => tau),
      best: [...whole.best.get('map')!],
    })
  })
})

describe('a checkpoint', () => {
  async function stopped(): Promise<void> {
    const stop = new AbortController()
    const parts = fakeRun(path)
    await runTraining({ ...parts, signal: stop.signal, onEvent: () => stop.abort() }).catch(() => undefined)
  }

  it('of another run is refused, with what differs', async () => {
    await stopped()
    await expect(runTraining(fakeRun(path, {}, {}, 'other'))).rejects.toThrow(
      /expected the data of the run that .* belongs to \(same\), got other; .*--restart/,
    )
  })

  it('that is broken is refused', async () => {
    await stopped()
    truncateSync(path, 300)
    await expect(runTraining(fakeRun(path))).rejects.toThrow(/whole checkpoint in .*; add --restart/)
    writeFileSync(path, 'something else entirely')
    await expect(runTraining(fakeRun(path))).rejects.toThrow(/got another file; add --restart/)
  })

  it('that cannot be written ends the run with one sentence', async () => {
    await expect(runTraining(fakeRun(join(folder, 'missing', 'head.training')))).rejects.toMatchObject({
      code: 'output-failed',
    })
  })
})
