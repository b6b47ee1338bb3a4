/** The files that drafters need beside the model: named by flags, found by the store. */
import { resolveModel } from '../store/index.ts'

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
