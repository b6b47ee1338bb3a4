/**
 * Where a prompt comes from: the argument, a file, or standard input. Text that is not UTF-8 is refused, because a
 * silently replaced character would change what the model reads.
 */
import { readFile } from 'node:fs/promises'
import { UsageError } from '../util/errors.ts'

export interface PromptSource {
  /** What was typed as argument; `-` stands for standard input. */
  readonly argument: string | undefined
  readonly file: string | undefined
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean }
}

/**
 * The prompt's text, without the newline that ends a file or an `echo`. Throws `bad-option` when there is none or
 * when two were given, `bad-prompt` for bytes that are not UTF-8.
 */
export async function readPrompt(source: PromptSource): Promise<string> {
  if (source.argument !== undefined && source.file !== undefined) {
    throw new UsageError('bad-option', 'expected one prompt, got an argument and --file; leave one of them out')
  }
  const text = await readSource(source)
  if (text === '') {
    throw new UsageError('bad-option', `expected a prompt, got an empty one; ${ways}`)
  }
  return text
}

// ---------------------------------------------------------------------------------------------------------------

const ways = 'write it as an argument, name a file with --file, or pipe it in'

async function readSource(source: PromptSource): Promise<string> {
  if (source.file !== undefined && source.file !== '-') return decode(await readBytes(source.file), source.file)
  if (source.argument !== undefined && source.argument !== '-') return source.argument
  const asked = source.argument === '-' || source.file === '-'
  if (!asked && source.stdin.isTTY === true) {
    throw new UsageError('bad-option', `expected a prompt, got none; ${ways}`)
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of source.stdin) chunks.push(chunk)
  return decode(Buffer.concat(chunks), 'standard input')
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('bad-prompt', `expected a readable prompt file, got ${path} (${why}); check the path`, {
      cause: error,
    })
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch (error) {
    const advice = `convert it, for example with "iconv -t UTF-8"`
    throw new UsageError('bad-prompt', `expected UTF-8 text, got bytes of another encoding in ${name}; ${advice}`, {
      cause: error,
    })
  }
}
