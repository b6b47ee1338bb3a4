/** The few flags that all benchmark scripts share, and how a script adds its own. */
import { parseArgs } from 'node:util'
import { resolveModel } from '../src/store/index.ts'
import { UsageError } from '../src/util/errors.ts'

/** What was asked for, before any model is looked for. */
export interface BenchFlags<Name extends string> {
  /** As it was named. */
  readonly model: string
  readonly tokens: number
  readonly threads: number
  readonly repeats: number
  readonly extra: Readonly<Record<Name, string>>
}

/** The flags and the model's file. */
export interface BenchOptions<Name extends string> extends BenchFlags<Name> {
  readonly modelPath: string
}

/** As `benchFlags`; the model is fetched where it is not there. */
export async function benchOptions<Name extends string = never>(
  defaults: Partial<Record<'tokens' | 'repeats', number>> = {},
  extra: Readonly<Record<Name, string>> = {} as Record<Name, string>,
): Promise<BenchOptions<Name>> {
  const flags = benchFlags(defaults, extra)
  return { ...flags, modelPath: await modelFile(flags) }
}

/** The file of the model that was named. */
export async function modelFile({ model }: Pick<BenchFlags<never>, 'model'>): Promise<string> {
  return (await resolveModel(model)).path
}

/** `extra`: flags of one script with their defaults; their texts come back under `extra`. */
export function benchFlags<Name extends string = never>(
  defaults: Partial<Record<'tokens' | 'repeats', number>> = {},
  extra: Readonly<Record<Name, string>> = {} as Record<Name, string>,
): BenchFlags<Name> {
  const names = Object.keys(extra) as Name[]
  const own = Object.fromEntries(names.map((name) => [name, { type: 'string', default: extra[name] } as const]))
  const { values } = parseArgs({
    options: {
      ...own,
      model: { type: 'string', default: 'smollm2-135m' },
      tokens: { type: 'string', default: String(defaults.tokens ?? 128) },
      threads: { type: 'string', default: '2' },
      repeats: { type: 'string', default: String(defaults.repeats ?? 1) },
    },
  })
  const given = values as Readonly<Record<Name, string>>
  return {
    model: values.model,
    tokens: Number(values.tokens),
    threads: Number(values.threads),
    repeats: Number(values.repeats),
    extra: Object.fromEntries(names.map((name) => [name, given[name]])) as Record<Name, string>,
  }
}

/** `1,2,4-6` means 1, 2, 4, 5, 6; ascending, each once. */
export function numberList(flag: string, text: string): number[] {
  const numbers = text.split(',').flatMap((part) => {
    const [first = NaN, last = first] = part.split('-').map(Number)
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 1 || last < first)
      throw new UsageError('bad-option', `expected --${flag} like 1,2,4-8, got "${text}"`)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  return [...new Set(numbers)].sort((a, b) => a - b)
}

/** Text of a flag that switches something. */
export function onOrOff(flag: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new UsageError('bad-option', `expected --${flag} on or off, got "${text}"`)
  return text === 'on'
}
