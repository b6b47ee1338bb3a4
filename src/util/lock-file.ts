/** One process at a time at one piece of work: a file with its owner's number. A lock whose owner died is taken over. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { processAlive, processId } from './env.ts'
import { UsageError } from './errors.ts'

/** Takes the lock at `path` until disposed; `work` completes "the only run of". Throws `busy` while its owner lives. */
export function takeLockFile(path: string, work: string): Disposable {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(path, 'wx')
      writeFileSync(handle, String(processId()))
      closeSync(handle)
      break
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const owner = Number(readFileSync(path, 'utf8'))
      if (owner > 0 && processAlive(owner)) {
        throw new UsageError(
          'busy',
          `expected to be the only run of ${work}, got process ${owner} at the same work; wait for it or stop it`,
        )
      }
      rmSync(path, { force: true }) // its owner died
    }
  }
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) }
}
