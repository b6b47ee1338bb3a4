/** The few flags that all benchmark scripts share. */
import { parseArgs } from 'node:util'
import { resolveModel } from '../src/store/index.ts'

export interface BenchOptions {
  readonly modelPath: string
  readonly perGroup: number
  readonly tokens: number
  readonly threads: number
  readonly repeats: number
  /** Of how many prompts one is also sampled (exactness). */
  readonly sampledEvery: number
  readonly methods: readonly string[]
  readonly draftModel: string | undefined
}

export async function benchOptions(
  defaults: Partial<Record<'perGroup' | 'tokens' | 'repeats', number>> = {},
): Promise<BenchOptions> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      'per-group': { type: 'string', default: String(defaults.perGroup ?? 3) },
      tokens: { type: 'string', default: String(defaults.tokens ?? 128) },
      threads: { type: 'string', default: '2' },
      repeats: { type: 'string', default: String(defaults.repeats ?? 1) },
      'sampled-every': { type: 'string', default: '1' },
      methods: { type: 'string', default: 'auto' },
      'draft-model': { type: 'string' },
    },
  })
  return {
    modelPath: (await resolveModel(values.model ?? 'smollm2-135m')).path,
    perGroup: Number(values['per-group']),
    tokens: Number(values.tokens),
    threads: Number(values.threads),
    repeats: Number(values.repeats),
    sampledEvery: Number(values['sampled-every']),
    methods: values.methods.split(','),
    draftModel: values['draft-model'],
  }
}
