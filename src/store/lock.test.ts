import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { processId } from '../util/env.ts'
import { withLock } from './lock.ts'
import { pause } from './pause.ts'

describe('withLock', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heterospec-lock-'))
    path = join(folder, 'model.lock')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** A lock of a process that is not us. */
  const foreign = (pid: number, host = hostname()): Promise<void> =>
    writeFile(path, JSON.stringify({ id: 'foreign', pid, host }))
  const noProcess = 2 ** 22 + 1
  /** Something to wait for, until it is released. */
  const held = (): { readonly released: Promise<void>; readonly release: () => void } => {
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    return { released, release: () => release() }
  }

  it('lets one in at a time, also when all find the same stale lock', async () => {
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await pause(1, undefined)
      inside--
    }
    // Many short rounds: removing a lock that someone else has just taken is a matter of microseconds.
    for (let round = 0; round < 40; round++) {
      await foreign(noProcess)
      await Promise.all(Array.from({ length: 8 }, () => withLock(path, { pollMs: 1 }, work)))
    }
    expect(most).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  it('gives the lock back when the work fails', async () => {
    await expect(withLock(path, {}, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck')
    expect(existsSync(path)).toBe(false)
  })

  it('tells once that it waits', async () => {
    let notes = 0
    const entered = held()
    const left = held()
    const first = withLock(path, {}, () => {
      entered.release()
      return left.released
    })
    await entered.released
    const second = withLock(path, { pollMs: 5, onWait: () => notes++ }, async () => undefined)
    await expect.poll(() => notes).toBe(1)
    // Time for many more looks.
    await pause(60, undefined)
    left.release()
    await Promise.all([first, second])
    expect(notes).toBe(1)
  })

  it('does not break the lock of a living process', async () => {
    await foreign(processId())
    const waiting = withLock(path, { pollMs: 5, signal: AbortSignal.timeout(80) }, async () => 'in')
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(await readFile(path, 'utf8')).toContain('foreign')
  })

  it.each([
    ['another machine', 1, 'elsewhere'],
    ['a process that hangs', processId(), hostname()],
  ])('breaks a lock without a heartbeat: %s', async (_name, pid, host) => {
    await foreign(pid, host)
    expect(await withLock(path, { pollMs: 5, staleMs: 40 }, async () => 'in')).toBe('in')
  })

  it('breaks a lock whose owner died before it wrote its name', async () => {
    await writeFile(path, '')
    expect(await withLock(path, { pollMs: 5, staleMs: 40 }, async () => 'in')).toBe('in')
  })

  it('keeps its own lock alive', async () => {
    let beats = 0
    const first = withLock(path, { heartbeatMs: 10 }, async () => {
      const before = (await stat(path)).mtimeMs
      // As long as a lock without a heartbeat would live three times.
      for (let looks = 0; looks < 60; looks++) await pause(20, undefined)
      beats = (await stat(path)).mtimeMs - before
      return 'first'
    })
    await expect.poll(() => existsSync(path)).toBe(true)
    const order: string[] = []
    const second = withLock(path, { pollMs: 20, staleMs: 400 }, async () => 'second')
    await Promise.all([first, second].map((result) => result.then((name) => order.push(name))))
    expect(order).toEqual(['first', 'second'])
    expect(beats).not.toBe(0)
  })

  it('breaks no living lock because nobody ran for a while', async () => {
    await foreign(processId())
    const now = performance.now.bind(performance)
    let stoppedMs = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + stoppedMs)
    const controller = new AbortController()
    const waiting = withLock(path, { pollMs: 1, signal: controller.signal }, async () => 'in')
    try {
      // As if the whole machine had been stopped for an hour, once and again.
      for (let stop = 0; stop < 5; stop++) {
        await pause(20, undefined)
        stoppedMs += 3_600_000
      }
      await pause(20, undefined)
    } finally {
      clock.mockRestore()
      controller.abort()
    }
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(await readFile(path, 'utf8')).toContain('foreign')
  })

  it('stops the work when the lock was taken away, and leaves the new owner its lock', async () => {
    let isInside = false
    const work = withLock(path, { heartbeatMs: 10 }, (signal) => {
      isInside = true
      return pause(100_000, signal)
    })
    // The file is there before its owner stands in it.
    await expect.poll(() => isInside).toBe(true)
    await foreign(processId())
    await expect(work).rejects.toMatchObject({ code: 'busy' })
    expect(await readFile(path, 'utf8')).toContain('foreign')
  })
})
