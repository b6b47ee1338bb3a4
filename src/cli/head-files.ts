/** Files around the `head` commands: their types, texts that only choose the draft vocabulary, and the page of curves. */
import { readFileSync, writeFileSync } from 'node:fs'
import { loadTokenizer } from '../text/index.ts'
import { headTypes, renderTraining, type HeadRunSummary } from '../train/index.ts'
import { UsageError } from '../util/errors.ts'

/** For `--type`. */
export const headTypeHelp = `how matrices are stored: ${headTypes.join(', ')}; q8_0,output=q4_0 gives groups (output, embedding, fc, attention, ffn) types of their own`

/** Tokens of a text file as the model at `target` cuts it. Throws `bad-option` where it cannot be read. */
export async function readVocabularyText(path: string, target: string): Promise<number[]> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw unusable('read for --vocab-text', path, error, 'bad-option')
  }
  using tokenizer = await loadTokenizer(target)
  // Line by line: a tokenizer takes long over millions of characters at once.
  return text.split(/(?<=\n)/).flatMap((line) => tokenizer.tokenize(line, { addSpecial: false }))
}

/** Writes the curves of a run. Throws `output-failed`. */
export function writePage(path: string, summary: HeadRunSummary, command: string): void {
  try {
    writeFileSync(path, renderTraining(summary, command))
  } catch (error) {
    throw unusable('written for --html', path, error, 'output-failed')
  }
}

// ---------------------------------------------------------------------------------------------------------------

function unusable(purpose: string, path: string, error: unknown, code: 'bad-option' | 'output-failed'): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  return new UsageError(code, `expected a file that can be ${purpose}, got ${path} (${why}); name another`, {
    cause: error,
  })
}
