/**
 * The table of drafting methods. Flags, validation, the options page and the conformance tests iterate over it.
 * Modules load on first use; their option schemas are at hand at once.
 */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'
import type { Ranked } from '../tree/index.ts'
import { combinedOptions } from './methods/combined.options.ts'
import { eagle3Options } from './methods/eagle3.options.ts'
import { lookupOptions } from './methods/lookup.options.ts'
import { modelOptions } from './methods/model.options.ts'
import { recyclingOptions } from './methods/recycling.options.ts'
import type { Drafter, DrafterModule, DraftParts } from './types.ts'

export const drafters = {
  lookup: () => import('./methods/lookup.ts'),
  recycling: () => import('./methods/recycling.ts'),
  model: () => import('./methods/model.ts'),
  eagle3: () => import('./methods/eagle3.ts'),
  combined: () => import('./methods/combined.ts'),
} satisfies Record<string, () => Promise<DrafterModule>>

export type DraftMethod = keyof typeof drafters

/** The options of every method; `method` says which. */
export const drafterOptions = z.discriminatedUnion('method', [
  lookupOptions,
  recyclingOptions,
  modelOptions,
  eagle3Options,
  combinedOptions,
])

/** As a caller may write them: what is left out takes its default. */
export type DrafterOptions = z.input<typeof drafterOptions>

/** With every default filled in. */
export type ResolvedDrafter = z.output<typeof drafterOptions>

/** Creates the drafter that `options` name. Throws `bad-option`, `drafter-mismatch`, and what loading a draft model throws. */
export async function createDrafter(
  options: DrafterOptions,
  parts: Omit<DraftParts, 'create'>,
): Promise<Drafter<Ranked>> {
  const settings = parseOptions(options)
  const all: DraftParts = { ...parts, create: (inner) => createDrafter(inner as DrafterOptions, parts) }
  switch (settings.method) {
    case 'lookup':
      return (await drafters.lookup()).create(settings)
    case 'recycling':
      return (await drafters.recycling()).create(settings, all)
    case 'model':
      return (await drafters.model()).create(settings, all)
    case 'eagle3':
      return (await drafters.eagle3()).create(settings, all)
    case 'combined':
      return (await drafters.combined()).create(settings, all)
  }
}

/** Does it draft level by level with a model or head, whose passes take time? The others look things up. */
export function growsByLevels({
  method,
  sources = [],
}: {
  readonly method: string
  readonly sources?: readonly string[]
}): boolean {
  const names = [method, ...sources]
  return names.includes('model') || names.includes('eagle3')
}

// ---------------------------------------------------------------------------------------------------------------

function parseOptions(options: DrafterOptions): z.output<typeof drafterOptions> {
  const parsed = drafterOptions.safeParse(options)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'options'}: ${message}`).join('; ')
  throw new UsageError(
    'bad-option',
    `expected options of a drafter, got ${issues}; see the page of the method in docs/methods`,
  )
}
