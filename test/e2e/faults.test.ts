/** `scripts/faults.ts` with few requests: what the long runs find, in a few seconds. */
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { runKill, runTerm } from '../../scripts/faults/ends.ts'
import { runFlood } from '../../scripts/faults/flood.ts'
import { runFull } from '../../scripts/faults/full.ts'
import { runMixed } from '../../scripts/faults/mixed.ts'
import { startServer, type ServeOptions } from '../../scripts/faults/server.ts'
import { runSlow } from '../../scripts/faults/slow.ts'
import { runStarts } from '../../scripts/faults/starts.ts'
import { program, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const options: ServeOptions = {
  program,
  model: inject('tinyModelPath'),
  cacheDir: join(folder, 'cache'),
  flags: ['--parallel', '2', '--cache-ram', '8', '--log-level', 'error'],
}

describe('a server among clients that behave badly', () => {
  it('gives the others their answers, leaves no place and no handle behind, and calls nothing its own failure', async () => {
    await using served = await startServer(options)
    const { problems, right, bad } = await runMixed(served, { requests: 66, clients: 6, seed: 1 })
    expect(problems).toEqual([])
    expect(right).toBeGreaterThan(10)
    expect(Object.keys(bad).length).toBeGreaterThan(30)
    expect(served.log()).toBe('')
  })

  it('answers, refuses or asks to come again where more is wanted than fits', async () => {
    const flags = [...(options.flags ?? []), '--context', '256', '--queue-limit', '8', '--cache-ram', '1']
    await using served = await startServer({ ...options, flags })
    const { answered, refused } = await runFull(served, 256, 1)
    expect(answered).toBeGreaterThanOrEqual(2)
    expect(refused).toBeGreaterThan(0)
  })

  it('ends in time under load, and after a SIGKILL the next one goes on', async () => {
    const { cut } = await runTerm(options, 0)
    expect(cut).toBe(0)
    const killed = await runKill(options, 0)
    expect(killed.cut).toBeGreaterThan(0)
  })

  it('can be ended at any moment of its start: the next one finds a cache that it can use', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { ends, early, late } = await runStarts({ ...options, cacheDir: join(folder, signal) }, signal, 3)
      expect(early).toBe(3)
      expect(Object.values(ends).reduce((sum, count) => sum + count, 0)).toBe(early + late)
    }
  })

  it('lets go of clients that send byte by byte, and answers others meanwhile', async () => {
    // The others have as long, which a machine that stops for a while must not use up.
    const flags = [...(options.flags ?? []), '--client-seconds', '5']
    await using served = await startServer({ ...options, flags })
    const { told, right } = await runSlow(served, 20, 5)
    expect(told).toBe(20)
    expect(right).toBeGreaterThan(0)
    expect(served.log()).toBe('')
  })

  it('lives through more connections than it may have open', async () => {
    await using served = await startServer({ ...options, files: 96 })
    const { refused, right } = await runFlood(served, 150)
    expect(refused).toBeGreaterThan(50)
    expect(right).toBe(5)
    expect(served.log()).toBe('')
  })
})
