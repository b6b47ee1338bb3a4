/**
 * Which calibration a drafter starts from: the one that was given, else one that lies in the cache or in the package and
 * was made with the same model, drafter and files. A given one that does not fit is refused; one that lies around is left.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { cpuName } from '../util/env.ts'
import { UsageError } from '../util/errors.ts'
import { filePrint } from '../util/file-print.ts'
import { packageRoot } from '../util/package.ts'
import {
  checkCalibration,
  memoryOf,
  parseCalibration,
  priceDrafts,
  type Calibration,
  type CalibrationIdentity,
  type DraftFile,
  type PolicyMemory,
} from '../policy/index.ts'
import type { ModelSpec } from '../model/index.ts'
import type { CompleteSpeculation } from './auto.ts'
import type { ResolvedDrafter } from '../draft/index.ts'
import type { ResolvedSpeculation } from './options.ts'
import type { CostIdentity } from './types.ts'

/** The folder below the cache, and below the package's data, where calibrations are found by what they hold for. */
export const CALIBRATIONS = 'calibrations'

export interface CalibrationParts {
  readonly target: Pick<ModelSpec, 'name' | 'fingerprint'>
  /** What prices hold for here. */
  readonly identity: CostIdentity
  /** A file or a document; false: none, not even one that lies around. */
  readonly given: string | Calibration | false | undefined
  /** Where to look without one, the first that fits wins. */
  readonly folders: readonly string[]
}

/** The folders of an engine with this cache. */
export function calibrationFolders(cacheDir: string): string[] {
  return [join(cacheDir, CALIBRATIONS), join(packageRoot(), 'data', CALIBRATIONS)]
}

/** A calibration's file. Throws `bad-file`. */
export function readCalibration(path: string): Calibration {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'bad-file',
      `expected a calibration at ${path}, got "${why}"; check the path, or make one with "heterospec calibrate"`,
      { cause: error },
    )
  }
  return parseCalibration(text, path)
}

/** Options of a drafter without its files, and what identifies these. Throws `bad-file` for a file that cannot be read. */
export function identifyDrafter(drafter: ResolvedDrafter): Pick<CalibrationIdentity, 'drafter' | 'files'> {
  const { drafter: options, paths } = stripFiles(drafter)
  return {
    drafter: options,
    files: paths.map(({ method, path }) => ({ method, name: basename(path), fingerprint: printOf(path, method) })),
  }
}

/** Options of a drafter without its files, and where these lie. */
export function stripFiles(drafter: ResolvedDrafter): {
  readonly drafter: CalibrationIdentity['drafter']
  readonly paths: readonly { readonly method: string; readonly path: string }[]
} {
  const paths: { method: string; path: string }[] = []
  const strip = (options: object, method: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(options).flatMap(([key, value]: [string, unknown]) => {
        if (value === undefined) return []
        if (key === 'path' && typeof value === 'string') {
          paths.push({ method, path: value })
          return []
        }
        const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value)
        return [[key, isGroup ? strip(value, key) : value]]
      }),
    )
  return { drafter: { ...strip(drafter, drafter.method), method: drafter.method }, paths }
}

/** Calibrations of one engine. */
export class Calibrations {
  readonly #parts: CalibrationParts
  readonly #given: Calibration | undefined

  /** Throws `bad-file` for a given one that cannot be read, `drafter-mismatch` for one of another model. */
  constructor(parts: CalibrationParts) {
    const { given, target } = parts
    this.#parts = parts
    if (given === undefined || given === false) return
    this.#given = typeof given === 'string' ? readCalibration(given) : checkCalibration(given, 'the option calibration')
    requireModel(this.#given, target)
  }

  /** Throws `drafter-mismatch` when a calibration was given that is not one of this drafter and budget. */
  require({ drafter, budget }: CompleteSpeculation): void {
    const given = this.#given
    if (given === undefined || budget.policy === 'off') return
    requireDrafter(given, identifyDrafter(drafter))
    requireTree(given, budget)
  }

  /** The one that a request starts from. */
  forRequest({ drafter, budget }: CompleteSpeculation): Calibration | undefined {
    return budget.policy === 'off' ? undefined : this.for(drafter)
  }

  /** The one for this drafter, if there is one. */
  for(drafter: ResolvedDrafter): Calibration | undefined {
    const { given, target, folders } = this.#parts
    if (given === false) return undefined
    const wanted = identifyDrafter(drafter)
    const fits = (found: Calibration): boolean =>
      found.identity.model.fingerprint === target.fingerprint && sameDrafter(found.identity, wanted)
    if (this.#given !== undefined) return fits(this.#given) ? this.#given : undefined
    return folders.flatMap(readFolder).find(fits)
  }

  /** What a policy for this drafter starts from: what a calibration taught, and its prices where they are this machine's. */
  memoryFor(drafter: ResolvedDrafter): PolicyMemory {
    const found = this.for(drafter)
    const memory = memoryOf(found)
    const { prices } = found ?? {}
    const { library, threads, kvType } = this.#parts.identity
    if (prices && isDeepStrictEqual(prices.machine, { cpu: cpuName(), library, threads, kvType })) {
      priceDrafts(memory, prices.draft)
    }
    return memory
  }
}

/** Throws `drafter-mismatch` unless the calibration was made with this model. */
export function requireModel({ identity: { model } }: Calibration, wanted: CalibrationIdentity['model']): void {
  if (model.fingerprint === wanted.fingerprint) return
  throw mismatch(
    `a calibration for ${wanted.name} (${wanted.fingerprint})`,
    `one for ${model.name} (${model.fingerprint})`,
  )
}

/** Throws `drafter-mismatch` unless the calibration was made with this drafter. */
export function requireDrafter(
  { identity }: Calibration,
  wanted: Pick<CalibrationIdentity, 'drafter' | 'files'>,
): void {
  if (sameDrafter(identity, wanted)) return
  if (!isDeepStrictEqual(identity.drafter, wanted.drafter)) {
    const [before, now] = differences(identity.drafter, wanted.drafter)
    throw mismatch(`a calibration of the drafter ${now}`, `one of ${before}`)
  }
  const names = (files: readonly DraftFile[]): string =>
    files.map(({ name, fingerprint }) => `${name} (${fingerprint})`).join(', ')
  throw mismatch(`a calibration of the drafter file ${names(wanted.files)}`, `one of ${names(identity.files)}`)
}

/**
 * Throws `drafter-mismatch` for a budget that goes by entropies of other trees: they mean something else. A budget whose bins are given, or that has none, may have
 * any tree.
 */
export function requireTree({ tree }: Calibration, budget: ResolvedSpeculation['budget']): void {
  if (budget.policy !== 'heterospec' || budget.edges.length > 0) return
  const tell = ({ topK, depth, totalTokens }: Calibration['tree']): string =>
    `top-k ${topK}, depth ${depth}, ${totalTokens} nodes`
  if (tell(tree) === tell(budget)) return
  throw mismatch(`a calibration for trees of ${tell(budget)}`, `one for ${tell(tree)}`)
}

// ---------------------------------------------------------------------------------------------------------------

function printOf(path: string, method: string): string {
  try {
    return filePrint(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'bad-file',
      `expected a file for the drafter ${method} at ${path}, got "${why}"; check the path`,
      {
        cause: error,
      },
    )
  }
}

/** File names do not count. */
function sameDrafter(made: CalibrationIdentity, wanted: Pick<CalibrationIdentity, 'drafter' | 'files'>): boolean {
  const prints = ({ files }: Pick<CalibrationIdentity, 'files'>): string[] =>
    files.map(({ method, fingerprint }) => `${method} ${fingerprint}`)
  return isDeepStrictEqual(made.drafter, wanted.drafter) && isDeepStrictEqual(prints(made), prints(wanted))
}

/** The method, and the options that are not the same, of both. */
function differences(
  made: CalibrationIdentity['drafter'],
  wanted: CalibrationIdentity['drafter'],
): [made: string, wanted: string] {
  if (made.method !== wanted.method) return [made.method, wanted.method]
  const keys = [...new Set([...Object.keys(made), ...Object.keys(wanted)])].filter(
    (key) => !isDeepStrictEqual(made[key], wanted[key]),
  )
  const tell = (options: CalibrationIdentity['drafter']): string =>
    `${options.method} with ${keys.map((key) => `${key} ${JSON.stringify(options[key])}`).join(', ')}`
  return [tell(made), tell(wanted)]
}

function mismatch(expected: string, got: string): UsageError {
  return new UsageError(
    'drafter-mismatch',
    `expected ${expected}, got ${got}; make one with "heterospec calibrate", or leave the calibration out`,
  )
}

/** What can be read of a folder, in order of names; a broken file that nobody named is no error. */
function readFolder(folder: string): Calibration[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      try {
        return [readCalibration(join(folder, name))]
      } catch {
        return []
      }
    })
}
