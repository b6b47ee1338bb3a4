/** Begins to load the model of a command line that nobody has parsed yet: the time to the first token counts. */
import { resolveModel } from '../store/index.ts'
import { beginLoad, type EarlyStart } from '../text/index.ts'

/** The head start for `--model` (or the default model), if its file is at hand; whatever is wrong is told later, by the command. */
export async function startEarly(args: readonly string[]): Promise<EarlyStart | undefined> {
  try {
    const stored = await resolveModel(modelArgument(args), { pull: false })
    return beginLoad(stored.path)
  } catch {
    return undefined
  }
}

// ---------------------------------------------------------------------------------------------------------------

function modelArgument(args: readonly string[]): string | undefined {
  const index = args.findIndex((arg) => arg === '--model' || arg === '-m')
  return index >= 0 ? args[index + 1] : args.find((arg) => arg.startsWith('--model='))?.slice('--model='.length)
}
