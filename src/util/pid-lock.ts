/** A file that names the process at work: for work that nobody should wait for, but that must not be done twice at once. */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { processAlive, processId } from './env.ts'
import { systemErrorCode, UsageError } from './errors.ts'

/** Takes the lock until disposed. `refusal` is thrown as `busy` where the process of that number holds it. */
export function takePidLock(path: string, refusal: (owner: number) => string): Disposable {
  for (let attempt = 0; ; attempt++) {
    try {
      create(path)
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) }
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error
      const content = read(path)
      if (content === undefined) continue // it was given back meanwhile
      const isHeld = isAlive(content) || attempt > MOST_ATTEMPTS
      if (isHeld) throw new UsageError('busy', refusal(Number(content)), { cause: error })
      removeDead(path, content)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A dead owner's lock is removed within a few; each that finds another process at that takes a millisecond. */
const MOST_ATTEMPTS = 10_000

/** Throws `EEXIST` where it is there. Nobody ever sees it without its owner: two would take it for a dead one's. */
function create(path: string): void {
  const own = `${path}.${processId()}`
  writeFileSync(own, String(processId()))
  try {
    linkSync(own, path)
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') throw error
    writeFileSync(path, String(processId()), { flag: 'wx' }) // a file system without links
  } finally {
    rmSync(own, { force: true })
  }
}

/** Undefined where there is no lock. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Removes a dead owner's lock. Others may find it dead as well, and whoever comes last must not remove what the first has
 * taken meanwhile: it is removed under a second lock, and only if it is still the dead one.
 */
function removeDead(path: string, content: string): void {
  const guard = `${path}.break`
  try {
    create(guard)
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    const holder = read(guard)
    if (holder !== undefined && !isAlive(holder)) rmSync(guard, { force: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    return
  }
  try {
    if (read(path) === content) rmSync(path, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

function isAlive(owner: string): boolean {
  return Number(owner) > 0 && processAlive(Number(owner))
}
