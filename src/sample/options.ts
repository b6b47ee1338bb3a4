/**
 * How the next token is chosen: the one schema from which validation, command-line flags and help texts derive.
 * The order in which the settings act is stated in `chain.ts` and `docs/sampling.md`.
 */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'

/** A number within bounds; a violation is told as "expected <name> to be <what>". */
const ranged = (minimum: number, maximum: number, what: string) => z.number(what).min(minimum, what).max(maximum, what)
const share = () => ranged(0, 1, 'a number from 0 to 1')
const whole = (minimum: number, what: string) => z.int(what).min(minimum, what)

/** What a bias is told to be where it is not. */
const biasWords = 'a number from -1000000 to 1000000, or null for "never"'
/** Far more than any logit, and far less than a 32-bit float holds. JSON cannot spell -Infinity; `null` means the same there. */
export const jsonBias = z.union([ranged(-1e6, 1e6, biasWords), z.null()], biasWords)
const bias = z.union([...jsonBias.options, z.literal(-Infinity)], biasWords)
const biases = z.record(z.string().regex(/^\d+$/, 'a token id'), bias, 'an object of token ids and numbers')

export const sampleOptions = z.strictObject(
  {
    temperature: ranged(0, 1e6, 'a number from 0 to 1000000')
      .default(0)
      .describe('Randomness of the choice: 0 takes the most likely token, 1 follows the model, more is wilder'),
    topK: whole(0, 'a whole number of 0 or more')
      .default(0)
      .describe('Choose among the k most likely tokens only; 0 = off'),
    topP: share()
      .default(1)
      .describe('Choose among the most likely tokens that together reach this probability; 1 = off'),
    minP: share().default(0).describe('Drop tokens less likely than this share of the most likely one; 0 = off'),
    typicalP: share()
      .default(1)
      .describe('Choose among the tokens of most typical surprise that together exceed this probability; 1 = off'),
    repeatPenalty: ranged(1e-6, 1e6, 'a number from 0.000001 to 1000000')
      .default(1)
      .describe('Divides positive and multiplies negative logits of recent tokens; 1 = off, above 1 = less repetition'),
    repeatLastN: whole(-1, 'a whole number of -1 or more')
      .default(64)
      .describe('How many last tokens the three penalties look at; 0 = none, -1 = all of the context'),
    frequencyPenalty: ranged(-1e6, 1e6, 'a number from -1000000 to 1000000')
      .default(0)
      .describe('Lowers the logit of a recent token by this much for each time it occurs; 0 = off'),
    presencePenalty: ranged(-1e6, 1e6, 'a number from -1000000 to 1000000')
      .default(0)
      .describe('Lowers the logit of a token by this much if it occurs at all; 0 = off'),
    logitBias: biases.default({}).describe('Added to the logits of single tokens, by token id; null = never'),
    seed: z
      .int('a whole number')
      .optional()
      .describe('Same seed, same text, whatever the speculation; default: a new one for each request'),
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'an object') },
)

/** What a caller may say; everything is optional. */
export type SampleOptions = z.input<typeof sampleOptions>

/** All settings, defaults filled in. */
export type ResolvedSampleOptions = z.output<typeof sampleOptions>

/** Fills in the defaults. Throws `bad-option` with one sentence for the first value that is out of range, and for unknown names. */
export function resolveSampleOptions(options: SampleOptions): ResolvedSampleOptions {
  const result = sampleOptions.safeParse(options)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    const known = Object.keys(sampleOptions.shape).join(', ')
    throw new UsageError(
      'bad-option',
      `expected sampling options, got ${issue.keys.join(', ')}; the options are ${known}`,
    )
  }
  const path = issue?.path ?? []
  const got = path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], options)
  const what = issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message
  throw new UsageError(
    'bad-option',
    `expected ${path.join('.') || 'sampling options'} to be ${what ?? 'valid'}, got ${spell(got, path, issue?.code)}; change it or leave it out`,
  )
}

/** A wrong key is told by its name, everything else by its value. */
function spell(value: unknown, path: readonly PropertyKey[], code: string | undefined): string {
  if (code === 'invalid_key') return String(path.at(-1))
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}
