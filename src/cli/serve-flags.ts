/** The flags that only `serve` has, from a schema like all others, and what they come to. */
import { basename } from 'node:path'
import type { Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import type { Engine } from '../engine/index.ts'
import { sampleOptions } from '../sample/index.ts'
import { DEFAULT_TEMPERATURE, MOST_ANSWER_SECONDS, readOrigins } from '../server/index.ts'
import { catalog, defaultModelName } from '../store/index.ts'
import { readApiKeys } from './api-keys.ts'
import { flagsOf, readFlags, type FlagGroup, type Typed } from './flags.ts'
import { addFlags } from './options.ts'

/** What the flags may say, with their defaults. */
export const serveSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 is the whole network'),
  port: z.int().min(0).max(65535).default(8080).describe('port to listen on; 0 takes a free one'),
  parallel: z.int().min(1).max(256).default(4).describe('answers in work at a time, each with its own cache'),
  cacheTokens: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .optional()
    .describe(
      'tokens that all answers in work share, each as its prompt and max_tokens say; default: --context for each',
    ),
  cacheRam: z
    .number()
    .min(0)
    .max(2 ** 20)
    .default(512)
    .describe('memory for beginnings that texts share, in MiB; 0 keeps only what the places hold'),
  cacheEviction: z
    .enum(['lru', 'mark-predict'])
    .default('lru')
    .describe('what goes when that memory is full: what was used longest ago, or what is least likely to come back'),
  queueLimit: z.int().min(0).default(64).describe('answers that may wait; past it requests get a 503'),
  alias: z.array(z.string().min(1)).default([]).describe('further names that requests may use for the model'),
  apiKey: z
    .array(z.string().min(1))
    .default([])
    .describe('keys that let a request in; others can see them in the list of processes, so prefer a file'),
  apiKeyFile: z
    .string()
    .optional()
    .describe('file with one key per line; lines that begin with # are comments; HETEROSPEC_API_KEYS does the same'),
  corsOrigin: z
    .array(z.string().min(1))
    .default([])
    .describe('origins of web pages that may ask, as https://host; * for any'),
  page: z.boolean().default(true).describe('no page at /, only the interface'),
  pooling: z
    .enum(['mean', 'cls', 'last'])
    .optional()
    .describe('rows that make a vector of /v1/embeddings; default: as the model’s file says, else none'),
  metrics: z
    .array(z.enum(['heterospec', 'vllm', 'llamacpp']))
    .min(1)
    .default(['heterospec'])
    .describe('names of the counters at /metrics'),
  openMetrics: z.boolean().default(false).describe('let /metrics be read without a key, as vLLM does'),
  answerSeconds: z
    .number()
    .positive()
    .max(MOST_ANSWER_SECONDS)
    .optional()
    .describe('most time of a request, waiting included; past it a 503; default: no limit'),
  bodyLimit: z
    .int()
    .min(1024)
    .default(4 * 2 ** 20)
    .describe('most bytes of a request'),
  clientSeconds: z
    .number()
    .positive()
    .max(86_400)
    .default(60)
    .describe('time for a client to send its request, and to take what waits for it; past it the connection ends'),
  drainSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(30)
    .describe('time that answers in work get when the server ends'),
  trace: z
    .string()
    .min(1)
    .optional()
    .describe('file to which every round is appended, as one line of JSON; it holds what was answered, as token ids'),
  logLevel: z.enum(['silent', 'error', 'warn', 'info']).default('info').describe('least important lines of the log'),
})

/** What the flags say. */
export type ServeFlagValues = z.output<typeof serveSchema>

/** Flags of the server. */
export const serveFlags: FlagGroup = { title: 'Server', flags: flagsOf(serveSchema) }

const { temperature } = sampleOptions.shape

/** Flags of the sampler, with the server's default of the temperature. */
export const servedSampling: FlagGroup = {
  title: 'Sampling',
  flags: flagsOf(
    sampleOptions.extend({
      temperature: temperature
        .unwrap()
        .default(DEFAULT_TEMPERATURE)
        .describe(temperature.description ?? ''),
    }),
  ),
}

/** What the flags come to. */
export interface ServeSettings extends ServeFlagValues {
  /** Of all sources. */
  readonly apiKeys: readonly string[]
}

/** Adds the flags. */
export function addServeFlags(command: Command): void {
  addFlags(command, serveFlags)
}

/** Throws `bad-option`. */
export function readServeFlags(typed: Typed): ServeSettings {
  const settings = serveSchema.parse(readFlags(typed, serveFlags.flags))
  return { ...settings, corsOrigin: readOrigins(settings.corsOrigin), apiKeys: readApiKeys(settings) }
}

/**
 * The names of the model: the aliases, as it was asked for (a file without its folder), as the cache has it, its own, and all by
 * which it could have been asked for.
 */
export function servedNames(
  { spec }: Engine,
  names: { readonly asked: string | undefined; readonly stored: string; readonly aliases: readonly string[] },
): string[] {
  const files = [names.asked ?? defaultModelName, names.stored].map((name) => basename(name).replace(/\.gguf$/i, ''))
  const known = catalog.find(({ name }) => name === names.stored)?.aliases ?? []
  return [...new Set([...names.aliases, ...files, spec.name, ...known])]
}
