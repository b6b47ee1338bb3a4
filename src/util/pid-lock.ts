/** A file that names the process at work: for work that nobody should wait for, but that must not be done twice at once. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { processAlive, processId } from './env.ts'
import { UsageError } from './errors.ts'

/** Takes the lock until disposed. `refusal` is thrown as `busy` where the process of that number holds it. */
export function takePidLock(path: string, refusal: (owner: number) => string): Disposable {
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(path, 'wx')
      writeFileSync(handle, String(processId()))
      closeSync(handle)
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) }
    } catch (error) {
      if (attempt > 0 || !(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const owner = Number(readFileSync(path, 'utf8'))
      if (owner > 0 && processAlive(owner)) throw new UsageError('busy', refusal(owner), { cause: error })
      rmSync(path, { force: true }) // its owner died
    }
  }
}
