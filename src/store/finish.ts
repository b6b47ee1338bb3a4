/** The last step of every source: check what was brought and give it its name. */
import { join } from 'node:path'
import { UsageError } from '../util/errors.ts'
import type { PullContext, WantedFile } from './context.ts'
import { fileBytes, hashFile, publish } from './disk.ts'
import { dropPart } from './part.ts'

/**
 * Checks size and hash of `<file>.part` and renames it. A file that is not what it should be is deleted, because
 * continuing it could never end well. Throws `download-failed`.
 */
export async function finishFile(wanted: WantedFile, context: PullContext): Promise<void> {
  const path = join(context.folder, wanted.name)
  const part = `${path}.part`
  const wrong = await findFault(part, wanted, context)
  if (wrong !== undefined) {
    await dropPart(part)
    throw new UsageError('download-failed', `${wrong}; the copy was deleted, pull again`)
  }
  await publish(part, path)
  await dropPart(part)
}

/** Whether an earlier pull, ended before its record was written, has already brought this file. */
export async function isFinished(wanted: WantedFile, context: PullContext): Promise<boolean> {
  return (await findFault(join(context.folder, wanted.name), wanted, context)) === undefined
}

async function findFault(path: string, wanted: WantedFile, context: PullContext): Promise<string | undefined> {
  const bytes = await fileBytes(path)
  if (bytes !== wanted.bytes) return `expected ${wanted.bytes} bytes for ${wanted.name}, got ${bytes ?? 'none'}`
  if (wanted.sha256 === undefined) return undefined
  const sha256 = await hashFile(path, context.signal, (done) => {
    context.report({ phase: 'verify', file: wanted.name, done, total: bytes })
  })
  return sha256 === wanted.sha256 ? undefined : `expected SHA-256 ${wanted.sha256} for ${wanted.name}, got ${sha256}`
}
