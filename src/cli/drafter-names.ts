/** Drafters by name, without a budget: what `cost` prices and `simulate` records. */
import type { PricedDrafter } from '../bench/index.ts'
import { UsageError } from '../util/errors.ts'
import { refuseUnusedFiles, type DraftFiles } from './draft-files.ts'
import { parseMethod } from './methods.ts'

/** `a,b:option=value` as drafters. Throws `bad-option`. */
export function parseDrafters(text: string, files: DraftFiles): PricedDrafter[] {
  return text.split(',').map((name) => drafterNamed(name.trim(), files))
}

/** The one drafter of a command, which has to use every file that was given. Throws `bad-option`. */
export function parseDrafter(name: string, files: DraftFiles): PricedDrafter {
  const drafter = drafterNamed(name, files)
  refuseUnusedFiles(files, drafter.drafter, name)
  return drafter
}

// ---------------------------------------------------------------------------------------------------------------

function drafterNamed(name: string, files: DraftFiles): PricedDrafter {
  if (name === 'auto') return { name: 'combined', drafter: { method: 'combined' } }
  const method = name.includes('/') || name === 'off' ? undefined : parseMethod(name, files)
  if (typeof method === 'object' && method.drafter) return { name, drafter: method.drafter }
  const advice = 'name one like combined or lookup:max-ngram=4'
  throw new UsageError('bad-option', `expected a drafter, got '${name}'; ${advice}`)
}
