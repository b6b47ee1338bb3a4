/**
 * The text of a calibration: written with keys in one order and no date, so that the same work gives the same bytes, and
 * read with suspicion. Pure functions: files are the caller's work.
 */
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'
import type { Calibration } from './calibration-types.ts'
import { costSamples } from './cost.ts'
import { createPolicyMemory } from './memory.ts'
import type { PolicyMemory } from './types.ts'

const whole = z.int().min(0)
const share = z.number().min(0).max(1)
const counts = z
  .object({ judged: z.array(z.number().min(0)), accepted: z.array(z.number().min(0)) })
  .refine(
    ({ judged, accepted }) => judged.length === accepted.length && judged.every((all, i) => all >= (accepted[i] ?? 0)),
    'expected at most as many accepted nodes as judged ones',
  )

const countsByDepth = z.looseObject({ first: counts, deeper: counts })
const countsByPlace = z.looseObject({ best: countsByDepth, others: countsByDepth })
const numbers = z.array(z.number())
const fitSums = z.object({ products: numbers, moments: numbers })

/** Loose where policies may have added something of their own. */
const memory = z.looseObject({
  acceptance: z.array(countsByDepth),
  draftMs: z.number().min(0).nullable(),
  levelMs: z.number().min(0).nullable(),
  roundsSincePlain: whole,
  bins: z
    .looseObject({
      tree: z.string(),
      samples: z.array(z.object({ entropy: z.number().min(0), rank: whole, fullyAccepted: z.boolean() })),
      sinceFit: whole,
      edges: z.array(z.number().min(0)).max(7),
      basis: z.string(),
    })
    .nullable(),
  cost: z
    .looseObject({
      acceptance: z.array(
        z.looseObject({ known: countsByPlace, bins: z.array(countsByPlace), unknown: countsByPlace }),
      ),
      outlook: z.object({ weights: numbers, chances: z.array(numbers) }),
      draftTimes: fitSums,
      hostTimes: fitSums,
      growth: z.enum(['whole', 'levels', 'merged']).nullable(),
      trials: z.object({
        gain: z.number(),
        worth: z.number().default(0),
        drafted: whole,
        interval: whole,
        wait: whole,
        debt: z.number(),
        startMs: z.number().nullable(),
        answers: z.number(),
        answerTokens: z.number(),
      }),
    })
    .nullable(),
})

const tokensCheck = z.object({ rounds: whole, expected: z.number(), real: z.number() })

const reliability = z.strictObject({
  classes: z.array(
    z.strictObject({ from: share, to: share, nodes: whole, foretold: share.nullable(), accepted: share.nullable() }),
  ),
  error: share.nullable(),
})

const calibration = z.strictObject({
  kind: z.literal('heterospec-calibration'),
  version: z.literal(1),
  identity: z.strictObject({
    model: z.strictObject({ name: z.string(), fingerprint: z.string().min(1) }),
    drafter: z.looseObject({ method: z.string() }),
    files: z.array(z.strictObject({ method: z.string(), name: z.string(), fingerprint: z.string().min(1) })),
  }),
  tree: z.strictObject({ topK: z.int().min(1), depth: whole, totalTokens: z.int().min(1) }),
  provenance: z.strictObject({
    program: z.string(),
    prompts: z.string(),
    promptsSha256: z.string(),
    answers: whole,
    places: whole,
    maxTokens: whole,
  }),
  memory,
  prices: z
    .strictObject({
      machine: z.strictObject({ cpu: z.string(), library: z.string(), threads: z.int().min(1), kvType: z.string() }),
      target: costSamples,
      draft: z.strictObject({ roundMs: z.number().min(0), levelMs: z.number().min(0).nullable() }),
    })
    .nullable(),
  check: z.strictObject({
    answers: whole,
    places: whole,
    calibrated: reliability,
    own: reliability,
    groups: z.array(
      z.strictObject({
        group: z.string(),
        answers: whole,
        trees: tokensCheck,
        rounds: tokensCheck.extend({ speedup: z.number() }).nullable(),
      }),
    ),
  }),
})

/** The document's text: keys in one order, seven digits, a line at the end. */
export function calibrationText(document: Calibration): string {
  // The schema puts the keys in its own order, whatever the caller's.
  const ordered = calibration.parse(document)
  const text = JSON.stringify(ordered, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value,
  )
  return `${text}\n`
}

/** Reads such a text; `name` stands in the error, which is `bad-file`. */
export function parseCalibration(text: string, name: string): Calibration {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (error) {
    throw broken(name, 'text that is not JSON', error)
  }
  return checkCalibration(found, name)
}

/** The same for a document that was read already. */
export function checkCalibration(document: unknown, name: string): Calibration {
  const parsed = calibration.safeParse(document)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw broken(name, `${issue?.path.join('.') || 'a document'}: ${issue?.message ?? 'something else'}`)
}

/** A memory that starts from a calibration, or knows nothing: always a copy, because sessions write into it. */
export function memoryOf(found: Calibration | undefined): PolicyMemory {
  return found === undefined ? createPolicyMemory() : structuredClone(found.memory)
}

// ---------------------------------------------------------------------------------------------------------------

function broken(name: string, why: string, cause?: unknown): UsageError {
  return new UsageError(
    'bad-file',
    `expected a calibration in ${name}, got ${why}; make it with "heterospec calibrate"`,
    {
      cause,
    },
  )
}
