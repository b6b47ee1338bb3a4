/** The keys of a server, from all places where they may stand. No message says one. */
import { readFileSync } from 'node:fs'
import { checkKeys } from '../server/index.ts'
import { readEnvironment } from '../util/env.ts'
import { UsageError } from '../util/errors.ts'
import type { ServeFlagValues } from './serve-flags.ts'

/** The keys of flags, file and environment. Throws `bad-option` for what no client could show, and for a place without a key. */
export function readApiKeys(
  { apiKey, apiKeyFile }: Pick<ServeFlagValues, 'apiKey' | 'apiKeyFile'>,
  environment = readEnvironment(),
): string[] {
  const fromFile = apiKeyFile === undefined ? [] : keysOfFile(apiKeyFile)
  const fromVariable = environment.apiKeys ?? []
  if (environment.apiKeys?.length === 0) {
    // Whoever sets it wants keys: without one, everybody would be let in.
    const message = 'expected keys in HETEROSPEC_API_KEYS, separated by commas, got none; write one or empty it'
    throw new UsageError('bad-option', message)
  }
  checkKeys(apiKey, 'of --api-key')
  checkKeys(fromFile, `of ${apiKeyFile ?? ''}`)
  checkKeys(fromVariable, 'of HETEROSPEC_API_KEYS')
  return [...apiKey, ...fromFile, ...fromVariable]
}

// ---------------------------------------------------------------------------------------------------------------

function keysOfFile(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `expected a file that can be read for --api-key-file, got ${path} (${why}); name another`
    throw new UsageError('bad-option', message, { cause: error })
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length > 0) return keys
  // An empty file would let everybody in.
  throw new UsageError('bad-option', `expected a key per line in ${path}, got none; write one`)
}
