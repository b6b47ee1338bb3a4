/** The files that drafters need beside the model: named by flags, found by the store. */
import { resolveModel } from '../store/index.ts'
import { UsageError } from '../util/errors.ts'

/** Names as typed, or paths once they were located. */
export interface DraftFiles {
  /** For the drafter `model`. */
  readonly draftModel?: string | undefined
  /** For the drafter `eagle3`. */
  readonly draftHead?: string | undefined
}

/** Paths instead of names. Throws what `resolveModel` throws. */
export async function locateDraftFiles(
  { draftModel, draftHead }: DraftFiles,
  signal: AbortSignal,
): Promise<DraftFiles> {
  const locate = async (name: string | undefined): Promise<string | undefined> =>
    name === undefined ? undefined : (await resolveModel(name, { signal })).path
  return { draftModel: await locate(draftModel), draftHead: await locate(draftHead) }
}

/** Those that are there. */
export function pathsOf({ draftModel, draftHead }: DraftFiles): string[] {
  return [draftModel, draftHead].filter((path) => path !== undefined)
}

/** The file of a drafter by its name; undefined where none was given or none is needed. */
export function fileOf(method: string, { draftModel, draftHead }: DraftFiles): string | undefined {
  return method === 'model' ? draftModel : method === 'eagle3' ? draftHead : undefined
}

/**
 * A file that no drafter reads was given by mistake. `used`: what was parsed, with the paths in it; `typed`: as the user named it.
 * Throws `bad-option`.
 */
export function refuseUnusedFiles(files: DraftFiles, used: unknown, typed: string): void {
  const known = pathsIn(used)
  for (const method of ['model', 'eagle3']) {
    const file = fileOf(method, files)
    if (file === undefined || known.includes(file)) continue
    const flag = method === 'model' ? '--draft-model' : '--draft-head'
    throw new UsageError(
      'bad-option',
      `expected a drafter that uses ${flag}, got ${typed}; name ${method}, or combined:sources=lookup+recycling+${method}`,
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Every `path` within a drafter's options, its sources' included. */
function pathsIn(options: unknown): unknown[] {
  if (typeof options !== 'object' || options === null) return []
  return Object.entries(options as Record<string, unknown>).flatMap(([key, value]) =>
    key === 'path' ? [value] : pathsIn(value),
  )
}
