/**
 * The flags that commands share: model, request, speculation. All but a few derive from schemas (`flags.ts`); here they
 * become options of commander, and what was typed becomes options of the library. Nothing is defaulted here: what was
 * not typed stays undefined, and the library's schemas fill it in.
 */
import { Option, type Command } from '@commander-js/extra-typings'
import * as z from 'zod'
import { sampleOptions } from '../sample/index.ts'
import type { EngineOptions, GenerateRequest } from '../engine/index.ts'
import { MOST_THREADS } from '../util/env.ts'
import { flagsOf, readFlags, show, spellingOf, type Flag, type FlagGroup, type Typed } from './flags.ts'
import { speculationFlags } from './speculation.ts'

const engineSchema = z.strictObject({
  threads: z
    .int()
    .min(1)
    .max(MOST_THREADS)
    .optional()
    .describe('threads of the model; default: one per usable core, at most 16'),
  context: z
    .int()
    .min(1)
    .optional()
    .describe('tokens a conversation may hold; default: what the model knows, at most 4096'),
  mmap: z.boolean().default(true).describe('read the model into memory instead of using its file in place'),
  kvType: z.enum(['f16', 'f32', 'q8_0']).default('f16').describe('number format of the attention cache'),
})

const requestSchema = z.strictObject({
  maxTokens: z
    .int()
    .min(0)
    .optional()
    .describe('most tokens to write; default: until the answer ends or the context is full'),
  ignoreEos: z.boolean().default(false).describe('go on after the model has ended its answer'),
})

/** Flags of the engine. */
export const engineFlags: FlagGroup = { title: 'Model', flags: flagsOf(engineSchema) }

const calibrationSchema = z.strictObject({
  calibration: z
    .string()
    .optional()
    .describe(
      'what budgets start from: a file of "heterospec calibrate", or off; default: one that fits, if the cache has one',
    ),
})

/** Where budgets start. */
export const calibrationFlags: FlagGroup = { title: 'Calibration', flags: flagsOf(calibrationSchema) }

/** Flags of one request. */
export const requestFlags: FlagGroup = { title: 'Answer', flags: flagsOf(requestSchema) }

/** Flags of the sampler. */
export const samplingFlags: FlagGroup = { title: 'Sampling', flags: flagsOf(sampleOptions) }

/** Adds everything that `run` and `chat` have in common. */
export function addSharedOptions(command: Command): void {
  addModelOptions(command)
  addFlags(command, requestFlags)
  addOption(command, requestFlags.title, stopOption())
  addOption(
    command,
    requestFlags.title,
    new Option('--system <text>', 'what the model is told before the conversation'),
  )
  addFlags(command, samplingFlags)
  for (const group of speculationFlags) addFlags(command, group)
  addFlags(command, calibrationFlags)
}

/** What `serve` has in common with them: no conversation of its own, so neither `--system` nor `--stop`, and other defaults of sampling. */
export function addServingOptions(command: Command, sampling: FlagGroup): void {
  addModelOptions(command)
  addFlags(command, {
    title: requestFlags.title,
    flags: requestFlags.flags.filter(({ name }) => name === 'max-tokens'),
  })
  addFlags(command, sampling)
  for (const group of speculationFlags) addFlags(command, group)
  addFlags(command, calibrationFlags)
}

/** `--model` and the flags of the engine. */
export function addModelOptions(command: Command): void {
  const meaning = 'a name, the path of a GGUF file, or hf:user/repo:quant; default: smollm2'
  addOption(command, engineFlags.title, new Option('-m, --model <model>', meaning))
  addFlags(command, engineFlags)
}

/** Adds the flags of one group under its heading. */
export function addFlags(command: Command, { title, flags }: FlagGroup): void {
  for (const flag of flags) addOption(command, title, optionOf(flag))
}

/** Threads, context, cache type; the calibration where the command has the flag. */
export function readEngineOptions(typed: Typed): EngineOptions {
  const calibration = typed['calibration'] as string | undefined
  return {
    ...readFlags(typed, engineFlags.flags),
    ...(calibration === undefined ? {} : { calibration: calibration === 'off' ? false : calibration }),
  }
}

/** Everything of a request except the prompt and the speculation. */
export function readRequestOptions(typed: Typed): Omit<GenerateRequest, 'prompt'> {
  const stop = typed['stop'] as readonly string[] | undefined
  return {
    ...readFlags(typed, requestFlags.flags),
    ...readFlags(typed, samplingFlags.flags),
    ...(stop === undefined ? {} : { stop }),
  }
}

/** The flag as it is typed, e.g. `--temperature <number>`. */
export function usageOf(flag: Flag): string {
  if (flag.type === 'boolean') return spellingOf(flag)
  return `${spellingOf(flag)} <${flag.type === 'pairs' ? 'id=value' : flag.type === 'choice' ? 'name' : flag.type}>`
}

// ---------------------------------------------------------------------------------------------------------------

function optionOf(flag: Flag): Option {
  const choices = flag.choices.length > 0 ? ` (${flag.choices.join(', ')})` : ''
  const fallback =
    flag.defaultValue === undefined || flag.type === 'boolean' ? '' : ` (default: ${show(flag.defaultValue)})`
  const option = new Option(usageOf(flag), `${flag.meaning}${choices}${fallback}`)
  if (flag.type !== 'boolean') option.argParser((text: string, previous: unknown) => flag.parse(text, previous))
  return option
}

function stopOption(): Option {
  const option = new Option('--stop <text>', 'end the answer before this text; may be given several times')
  option.argParser((text: string, previous: unknown) => [...((previous as string[] | undefined) ?? []), text])
  return option
}

function addOption(command: Command, title: string, option: Option): void {
  command.addOption(option.helpGroup(`${title}:`))
}
