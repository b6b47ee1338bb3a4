/**
 * Methods by name, as benchmarks compare them: `off`, `auto`, `lookup`, `lookup/fixed`, and with options
 * `recycling:prompt-rows=64/fixed:nodes=8:depth=4`. Lists inside a name are joined by `+`. Names and options are those of
 * the flags, so a new drafter or budget can be compared the day its schema exists.
 */
import type { SpeculativeOptions } from '../engine/index.ts'
import { UsageError } from '../util/errors.ts'
import { fileOf, type DraftFiles } from './draft-files.ts'
import type { Flag } from './flags.ts'
import { budgetFlags, methodFlags } from './speculation.ts'

export interface Method {
  /** As it was typed. */
  readonly name: string
  readonly speculative: SpeculativeOptions
}

/** Verifiers that a name may end with: there is one that needs no draft probabilities. */
const VERIFIERS = ['walk']

/** `a,b/c` as methods. A draft model or head may also be given in the name (`eagle3:path=head.gguf`). Throws `bad-option`. */
export function parseMethods(text: string, files: DraftFiles): Method[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .map((name) => ({ name, speculative: parseMethod(name, files) }))
}

/** One method. Throws `bad-option`. */
export function parseMethod(name: string, files: DraftFiles): SpeculativeOptions {
  if (name === 'auto' || name === 'off') return name
  const [drafter = '', budget, verifier = 'walk', ...rest] = name.split('/')
  if (rest.length > 0 || !VERIFIERS.includes(verifier)) {
    throw refuse(name, `a verifier "${[verifier, ...rest].join('/')}"`, `use ${VERIFIERS.join(', ')} or leave it out`)
  }
  const asked = budget === undefined ? {} : { budget: parseBudget(budget, name) }
  if (drafter === 'auto') return asked
  const options: Record<string, unknown> = parsePart(name, drafter, methodFlags, 'drafter')
  const method = nameOf(drafter)
  const path = options['path'] ?? fileOf(method, files)
  if (method === 'model' && path === undefined) throw refuse(name, 'no draft model', 'add --draft-model FILE')
  if (method === 'eagle3' && path === undefined) throw refuse(name, 'no draft head', 'add --draft-head FILE')
  const sources = options['sources'] as readonly string[] | undefined
  return {
    drafter: {
      method,
      ...options,
      ...(path === undefined ? {} : { path }),
      ...Object.fromEntries(
        (sources ?? []).flatMap((source) => {
          const file = fileOf(source, files)
          return file === undefined ? [] : [[source, { path: file }]]
        }),
      ),
    },
    ...asked,
  } as SpeculativeOptions
}

/** One budget, e.g. `fixed:nodes=8`. Throws `bad-option`. */
export function parseBudget(text: string, within = text): Exclude<SpeculativeOptions, string | false>['budget'] {
  return { policy: nameOf(text), ...parsePart(within, text, budgetFlags, 'budget') } as Exclude<
    SpeculativeOptions,
    string | false
  >['budget']
}

// ---------------------------------------------------------------------------------------------------------------

function nameOf(part: string): string {
  return part.split(':')[0] ?? ''
}

function parsePart(
  whole: string,
  part: string,
  table: ReadonlyMap<string, readonly Flag[]>,
  kind: 'drafter' | 'budget',
): Record<string, unknown> {
  const [name = '', ...settings] = part.split(':')
  const flags = table.get(name)
  if (!flags) throw refuse(whole, `the ${kind} "${name}"`, `choose of ${[...table.keys()].join(', ')}`)
  return Object.fromEntries(settings.map((setting) => parseSetting(whole, setting, name, flags)))
}

/** `max-ngram=4`: names as in flags without the method's own, or as in the library (`maxNgram`). */
function parseSetting(whole: string, setting: string, part: string, flags: readonly Flag[]): [string, unknown] {
  const [key = '', value = ''] = setting.split('=')
  const flag = flags.find(({ name, property }) => property === key || name === `${part}-${key}`)
  if (!flag) {
    const known = flags.map(({ name }) => name.slice(part.length + 1)).join(', ')
    throw refuse(whole, `the option "${key}"`, known === '' ? `${part} has none` : `${part} has ${known}`)
  }
  return [flag.property, flag.parse(value.replaceAll('+', ','))]
}

function refuse(name: string, got: string, advice: string): UsageError {
  return new UsageError('bad-option', `expected a method as drafter/budget, got ${got} in "${name}"; ${advice}`)
}
