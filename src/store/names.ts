/**
 * What a user may type for a model, as data: a name of the catalogue, a file of the hub, or a path. Pure: looks at no
 * disk and no network.
 */
import { UsageError } from '../util/errors.ts'
import { nearestName } from '../util/nearest.ts'
import type { CatalogEntry } from './types.ts'

export type ModelReference =
  | { readonly kind: 'catalog'; readonly name: string; readonly entry: CatalogEntry }
  | {
      readonly kind: 'hub'
      readonly name: string
      readonly repo: string
      /** Upper case, as in `Q4_K_M`; `undefined` leaves the choice to us. */
      readonly quant: string | undefined
      /** Path inside the repository. */
      readonly file: string | undefined
    }

/** The ways to give a model, as a sentence. */
export const waysToGiveModel =
  "Give a model in one of three ways: a known name (needs Python's pip), " +
  '"heterospec pull hf:user/repo:quant", or a GGUF file of your own with "--model path/to/model.gguf".'

const segment = String.raw`\w[\w.+-]*`
const hubPattern = new RegExp(
  `^hf:(${segment}/${segment})(?::(${segment})|/((?:${segment}/)*${segment}\\.gguf))?$`,
  'i',
)
const barePattern = new RegExp(`^${segment}/${segment}(?::${segment})?$`)

/**
 * Reads a model's name. Throws a `UsageError` (`unknown-model`) with the nearest known name where there is none such.
 */
export function parseReference(text: string, catalog: readonly CatalogEntry[]): ModelReference {
  const lower = text.toLowerCase()
  const entry = catalog.find((candidate) => candidate.name === lower || candidate.aliases.includes(lower))
  if (entry) return { kind: 'catalog', name: entry.name, entry }
  const match = hubPattern.exec(text)
  if (match?.[1] !== undefined) {
    const [, repo, quant, file] = match
    const name = `hf:${repo}${quant === undefined ? '' : `:${quant.toUpperCase()}`}${file === undefined ? '' : `/${file}`}`
    return { kind: 'hub', name, repo, quant: quant?.toUpperCase(), file }
  }
  throw unknownName(text, catalog)
}

/** Folder of a model in the cache: its name without characters that file systems treat specially. */
export function folderName(name: string): string {
  return name.replaceAll(/[/:]/g, '--')
}

/** Whether a text that names nothing known was meant as a path. */
export function looksLikePath(text: string): boolean {
  return /^[./~\\]|^[a-z]:[\\/]|\\/i.test(text) || (/\.gguf$/i.test(text) && !text.startsWith('hf:'))
}

// ------------------------------------------------------------------------------------------------------------------

function unknownName(text: string, catalog: readonly CatalogEntry[]): UsageError {
  if (text.startsWith('hf:')) {
    const wanted = 'expected "hf:user/repo", "hf:user/repo:quant" or "hf:user/repo/file.gguf"'
    return new UsageError('unknown-model', `${wanted}, got "${text}"; correct the name`)
  }
  const names = catalog.map((entry) => entry.name)
  const near = nearestName(text, [...names, ...catalog.flatMap((entry) => entry.aliases)])
  const guess = barePattern.test(text) ? `hf:${text}` : near
  const hint = guess === undefined ? '' : ` Did you mean "${guess}"?`
  const message = `expected a model (${names.join(', ')}), got "${text}".${hint} ${waysToGiveModel}`
  return new UsageError('unknown-model', message)
}
