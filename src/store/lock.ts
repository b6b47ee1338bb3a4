/**
 * One process at a time: a lock file with its owner's name, kept fresh by a heartbeat. A lock is stale when its owner is
 * dead (same machine) or when no heartbeat was seen for a while; the waiter counts only time in which it looked, so neither
 * a machine that was stopped nor clocks that disagree break a living lock. Advisory: whoever loses it stops (see `lost`).
 */
import { randomUUID } from 'node:crypto'
import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { processAlive, processId } from '../util/env.ts'
import { systemErrorCode, UsageError } from '../util/errors.ts'
import { pause } from './pause.ts'

export interface LockOptions {
  readonly signal?: AbortSignal | undefined
  /** Called once if another process holds the lock. */
  readonly onWait?: (() => void) | undefined
  readonly heartbeatMs?: number
  readonly staleMs?: number
  readonly pollMs?: number
}

/** Runs `work` while holding the lock file at `path`. Its signal fires on the caller's abort and on loss of the lock. */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const id = randomUUID()
  await acquire(path, id, options)
  const lost = new AbortController()
  const beat = async (): Promise<void> => {
    const owner = await readOwner(path)
    if (owner?.id !== id) lost.abort()
    else await utimes(path, new Date(), new Date())
  }
  // A missed beat is no reason to stop: only a lock that reads as someone else's is.
  const timer = setInterval(() => void beat().catch(() => undefined), options.heartbeatMs ?? 2000)
  try {
    return await work(AbortSignal.any(options.signal ? [options.signal, lost.signal] : [lost.signal]))
  } catch (error) {
    if (!lost.signal.aborted) throw error
    const message = `expected to keep the lock ${path}, got it taken over by another process; run the command again`
    throw new UsageError('busy', message, { cause: error })
  } finally {
    clearInterval(timer)
    if ((await readOwner(path))?.id === id) await rm(path, { force: true })
  }
}

// ------------------------------------------------------------------------------------------------------------------

interface Owner {
  readonly id: string
  readonly pid: number
  readonly host: string
  /** Changes with every heartbeat. */
  readonly beat: string
}

async function acquire(path: string, id: string, options: LockOptions): Promise<void> {
  const { signal, staleMs = 20_000, pollMs = 200 } = options
  let seen = { beat: '', lookedMs: 0 }
  let last = performance.now()
  for (let attempt = 0; ; attempt++) {
    if (await create(path, JSON.stringify({ id, pid: processId(), host: hostname() }))) return
    const owner = await readOwner(path)
    const now = performance.now()
    // A look that comes late says nothing: whatever stopped us may have stopped the owner, too.
    seen.lookedMs += Math.min(now - last, 2 * pollMs)
    last = now
    if (owner && owner.beat !== seen.beat) seen = { beat: owner.beat, lookedMs: 0 }
    const dead = owner?.host === hostname() && !processAlive(owner.pid)
    if (owner && (dead || seen.lookedMs > staleMs)) await breakLock(path, owner)
    else {
      if (attempt === 0) options.onWait?.()
      await pause(pollMs, signal)
    }
  }
}

/** Creates the file with its content, or says that it exists. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(content)
    } catch (error) {
      await rm(path, { force: true })
      throw error
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    // Windows answers EPERM while a file of that name is being deleted.
    if (systemErrorCode(error) === 'EEXIST' || (systemErrorCode(error) === 'EPERM' && (await readOwner(path))))
      return false
    throw error
  }
}

/** The lock's owner; `undefined` when the file is gone. A file without a readable owner is kept alive by its time only. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
    const [, id = ''] = /"id":"([^"]*)"/.exec(text) ?? []
    const [, pid = '0'] = /"pid":(\d+)/.exec(text) ?? []
    const [, host = ''] = /"host":"([^"]*)"/.exec(text) ?? []
    return { id, pid: Number(pid), host, beat: `${id} ${mtimeMs}` }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Removes a stale lock. Two waiters may both find it stale; the one that comes second must not remove the lock that the
 * first has taken meanwhile, so removal happens under a second file and only if the lock is still the stale one.
 */
async function breakLock(path: string, stale: Owner): Promise<void> {
  const guard = `${path}.break`
  if (!(await create(guard, ''))) {
    // The guard is held for an instant; an old one belongs to a process that died in it.
    const age = await stat(guard).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > 10_000) await rm(guard, { force: true })
    return
  }
  try {
    if ((await readOwner(path))?.beat === stale.beat) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}
