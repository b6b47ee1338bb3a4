/** The draft head that lies ready for a model: what `doctor`, `models` and `inspect` tell of it. */
import { autoHeadsFolder, findShippedHead, loadGguf, shippedHeadsFolder, type GgufModel } from '../gguf/index.ts'
import { HeterospecError } from '../util/errors.ts'
import { readEnvironment } from '../util/env.ts'
import { formatBytes } from './format.ts'

export interface ReadyHead {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Whether `--speculative auto` uses it. */
  readonly auto: boolean
}

/** The head that was trained for the model, of `HETEROSPEC_HEADS` or of the package; null where there is none. */
export function readyHead(model: GgufModel): ReadyHead | null {
  const folder = autoHeadsFolder(readEnvironment().headsDir)
  const head = findShippedHead(model, folder ?? shippedHeadsFolder())
  if (!head) return null
  const { name, path, bytes } = head
  return { name, path, bytes, auto: folder !== undefined }
}

/** The same for a model's file; null for one that cannot be read, too. */
export function readyHeadOf(path: string): ReadyHead | null {
  try {
    return readyHead(loadGguf(path))
  } catch (error) {
    if (error instanceof HeterospecError) return null
    throw error
  }
}

/** One line for people. */
export function describeReadyHead({ path, bytes, auto }: ReadyHead): string {
  return `${path} (${formatBytes(bytes)}), ${auto ? 'used by auto' : 'for --draft-head'}`
}
