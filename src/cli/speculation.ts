/**
 * `--speculative`, `--budget` and the flags of methods and budgets: which belong to what was chosen, and what they come
 * to as options of the engine. A flag of something that was not chosen is refused, because to ignore it would
 * falsify the experiment that somebody is making.
 */
import * as z from 'zod'
import { drafterOptions } from '../draft/index.ts'
import { budgetOptions } from '../policy/index.ts'
import { usualPolicy, type SpeculativeOptions } from '../engine/index.ts'
import { UsageError } from '../util/errors.ts'
import {
  flagsOf,
  readFlags,
  spellingOf,
  wasTyped,
  type Flag,
  type FlagGroup,
  type OptionSchema,
  type Typed,
} from './flags.ts'

/** Schemas of the drafting methods by name. */
const methodSchemas = byName('method', drafterOptions.options)

/** Schemas of the budgets by name. */
const budgetSchemas = byName('policy', budgetOptions.options)

/** Flags of the drafting methods by name. */
export const methodFlags = flagsByName(methodSchemas, 'method')

/** Flags of the budgets by name. */
export const budgetFlags = flagsByName(budgetSchemas, 'policy')

const [speculativeFlag, budgetFlag, draftModelFlag, draftHeadFlag] = flagsOf(
  z.strictObject({
    speculative: z
      .enum(['auto', 'off', ...methodSchemas.keys()])
      .default('auto')
      .describe('who drafts; auto: lookup and recycling combined, with a head where there is one for the model'),
    budget: z
      .enum([...budgetSchemas.keys()])
      .optional()
      .describe(
        'how much is drafted each round; default: goodput, and heterospec-cost where a draft model or head is named',
      ),
    draftModel: z
      .string()
      .optional()
      .describe('the draft model of --speculative model, which it implies: a name, a path, or hf:user/repo:quant'),
    draftHead: z
      .string()
      .optional()
      .describe('the draft head of --speculative eagle3, which it implies: a path, or hf:user/repo:quant'),
  }),
) as [Flag, Flag, Flag, Flag]

/** Flags that name the file of a method, shorter than the method's own. */
const fileFlags: ReadonlyMap<string, Flag> = new Map([
  ['model', draftModelFlag],
  ['eagle3', draftHeadFlag],
])

/** All flags of this file under their headings. */
export const speculationFlags: readonly FlagGroup[] = [
  { title: 'Speculation', flags: [speculativeFlag, budgetFlag, ...fileFlags.values()] },
  ...groups('Drafting method', methodFlags),
  ...groups('Budget', budgetFlags),
]

/** A value of `--speculative`. Throws `bad-option`. */
export function parseSpeculative(text: string): string {
  return String(speculativeFlag.parse(text))
}

/** The engine's options for what was typed; undefined when nothing was. Throws `bad-option`. */
export function readSpeculation(typed: Typed): SpeculativeOptions | undefined {
  const [implied] = [...fileFlags].find(([, flag]) => typed[flag.attribute] !== undefined) ?? ['auto']
  const asked = typed[speculativeFlag.attribute] as string | undefined
  const chosen = asked ?? implied
  const budget = readBudget(typed, chosen)
  const drafter = readDrafter(typed, chosen)
  if (chosen === 'off' || (chosen === 'auto' && !budget && !drafter)) return asked as 'off' | 'auto' | undefined
  // What is missing or out of range here is told by the engine, which checks the whole once more.
  return { ...(drafter && { drafter }), ...(budget && { budget }) } as SpeculativeOptions
}

// ---------------------------------------------------------------------------------------------------------------

type Fields = Record<string, unknown>

function readBudget(typed: Typed, chosen: string): Fields | undefined {
  const asked = typed[budgetFlag.attribute] as string | undefined
  const sources = chosen === 'combined' ? sourcesOf(typed) : []
  const policy = asked ?? (chosen === 'off' ? 'off' : usualPolicy({ method: chosen, sources }))
  let fields: Fields | undefined = asked === undefined ? undefined : { policy }
  for (const [name, flags] of budgetFlags) {
    const given = readFlags(typed, flags)
    if (Object.keys(given).length === 0) continue
    if (name !== policy) throw notChosen(flags, typed, `--budget ${policy}`, `--budget ${name}`)
    fields = { policy, ...given }
  }
  return fields
}

/** Options of a method stand at the top, or inside `combined` when that merges the method. */
function readDrafter(typed: Typed, chosen: string): Fields | undefined {
  const method = chosen === 'auto' ? 'combined' : chosen
  const sources = method === 'combined' ? sourcesOf(typed) : []
  let fields: Fields | undefined = chosen === 'auto' || chosen === 'off' ? undefined : { method }
  for (const [name, flags] of methodFlags) {
    const fileFlag = fileFlags.get(name)
    const file = fileFlag && typed[fileFlag.attribute]
    const given = { ...readFlags(typed, flags), ...(file !== undefined && { path: file }) }
    if (Object.keys(given).length === 0) continue
    if (name !== method && !sources.includes(name)) {
      throw notChosen(
        [...flags, ...(fileFlag ? [fileFlag] : [])],
        typed,
        `--speculative ${chosen}`,
        `--speculative ${name}`,
      )
    }
    fields = { method, ...fields, ...(name === method ? given : { [name]: given }) }
  }
  for (const [name, flag] of fileFlags) requireFile(name, flag, method, sources, fields)
  return fields
}

/** Throws when the method `name` takes part and nobody said which file it reads. */
function requireFile(name: string, flag: Flag, method: string, sources: readonly string[], fields?: Fields): void {
  if (method !== name && !sources.includes(name)) return
  const options = (method === name ? fields : fields?.[name]) as Fields | undefined
  if (options?.['path'] !== undefined) return
  const what = flag.name.replace('-', ' ')
  throw new UsageError(
    'bad-option',
    `expected --${flag.name} with the ${what}, got none; add --${flag.name} path/to/${what.replace('draft ', '')}.gguf`,
  )
}

function sourcesOf(typed: Typed): readonly string[] {
  const flag = methodFlags.get('combined')?.find(({ property }) => property === 'sources')
  return ((flag && typed[flag.attribute]) ?? flag?.defaultValue ?? []) as readonly string[]
}

function notChosen(flags: readonly Flag[], typed: Typed, chosen: string, needed: string): UsageError {
  const flag = flags.find((candidate) => wasTyped(typed, candidate))
  const message = `expected options that belong to ${chosen}, got ${flag ? spellingOf(flag) : 'others'}; add ${needed} or leave it out`
  return new UsageError('bad-option', message)
}

function byName(key: string, schemas: readonly z.ZodType[]): ReadonlyMap<string, OptionSchema> {
  return new Map(
    (schemas as readonly OptionSchema[]).map((schema) => [String((schema.shape[key] as z.ZodLiteral).value), schema]),
  )
}

/** Options that are objects are the options of another method, which has flags of its own. */
function flagsByName(schemas: ReadonlyMap<string, OptionSchema>, key: string): ReadonlyMap<string, readonly Flag[]> {
  return new Map(
    [...schemas].map(([name, schema]) => {
      const nested = Object.keys(schema.shape).filter((property) => schemas.has(property))
      return [name, flagsOf(schema, name, [key, ...nested])]
    }),
  )
}

function groups(title: string, flags: ReadonlyMap<string, readonly Flag[]>): FlagGroup[] {
  return [...flags]
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => ({ title: `${title} ${name}`, flags: list }))
}
