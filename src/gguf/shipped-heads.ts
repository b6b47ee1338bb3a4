/**
 * Draft heads that lie in the package (`data/heads`) or in a folder of the user's, and which of them was trained for a
 * model. Only headers are read here; whether the weights can be used shows when the head is loaded.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HeterospecError } from '../util/errors.ts'
import { packageRoot } from '../util/package.ts'
import { loadGguf } from './load.ts'
import type { GgufModel } from './types.ts'
import { sampleWeights } from './weights-print.ts'

/** The one switch: whether `auto` uses the heads of the package when nobody names a folder. */
const AUTO_USES_SHIPPED_HEADS: boolean = false

export interface ShippedHead {
  /** `general.name` of the file. */
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** `GgufModel.fingerprint` of the model that it was trained for. */
  readonly target: string
  /** `sampleWeights` of that model; heads of earlier versions and of others do not say. */
  readonly weights: string | undefined
}

/** What a folder of heads holds. */
export interface HeadFolder {
  readonly heads: readonly ShippedHead[]
  /** One sentence for each file that cannot be read. */
  readonly problems: readonly string[]
}

/** The folder of the package. */
export function shippedHeadsFolder(): string {
  return join(packageRoot(), 'data', 'heads')
}

/**
 * The folder of which `auto` may use heads: the one that was asked for, else the package's where that is switched on.
 * `off` and false: none.
 */
export function autoHeadsFolder(asked: string | false | undefined): string | undefined {
  if (asked === false || asked === 'off') return undefined
  return asked ?? (AUTO_USES_SHIPPED_HEADS ? shippedHeadsFolder() : undefined)
}

/** Reads the headers of all heads of a folder. Heads that do not say what they were trained for are left out. */
export function listHeads(folder: string = shippedHeadsFolder()): HeadFolder {
  const heads: ShippedHead[] = []
  const problems: string[] = []
  for (const file of namesIn(folder)) {
    const path = join(folder, file)
    try {
      const { metadata, files } = loadGguf(path)
      const target = metadata.string('heterospec.target_fingerprint')
      const bytes = files.reduce((sum, part) => sum + part.bytes, 0)
      const weights = metadata.string('heterospec.target_weights')
      const name = metadata.string('general.name') ?? file
      if (target !== undefined) heads.push({ name, path, bytes, target, weights })
    } catch (error) {
      if (!(error instanceof HeterospecError)) throw error
      problems.push(error.message)
    }
  }
  return { heads, problems }
}

/** The head that was trained for the model; undefined where there is none. */
export function findShippedHead(model: GgufModel, folder?: string): ShippedHead | undefined {
  return headFor(model, listHeads(folder).heads)
}

/** The one of some heads that was trained for the model: the same header and sizes, and the same weights where a head tells. */
export function headFor(model: GgufModel, heads: readonly ShippedHead[]): ShippedHead | undefined {
  const alike = heads.filter(({ target }) => target === model.fingerprint)
  return alike.find(({ weights }) => weights === undefined || weights === sampleWeights(model))
}

// ---------------------------------------------------------------------------------------------------------------

/** A folder that is not there holds nothing. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.gguf'))
      .sort()
  } catch {
    return []
  }
}
