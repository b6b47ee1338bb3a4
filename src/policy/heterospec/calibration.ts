/**
 * Entropy bins from judged rounds, and the small JSON document that holds them. Pure functions: reading and writing files is
 * the caller's work. The same rounds give the same document, byte for byte.
 */
import * as z from 'zod'
import { UsageError } from '../../util/errors.ts'
import { fitEdges, type SplitLoss } from './cart.ts'
import type { BinSample } from './samples.ts'

/** Splits from the top; at most 8 bins, as in the paper. */
const TREE_DEPTH = 3
/** Fewer rounds than this say nothing about 8 bins. */
const FEWEST_SAMPLES = 48
/** So many rounds without enough that came true as a whole mean that these are rare, not that it is early. */
const PATIENCE = 4
/** Share of the samples that each bin must hold, and the least number. */
const SIDE_SHARE = 0.05
const SMALLEST_SIDE = 6

const lossSchema = z.enum(['paper', 'weighted'])

const binsSchema = z.strictObject({
  edges: z
    .array(z.number().min(0))
    .max(2 ** TREE_DEPTH - 1)
    .refine(
      (edges) => edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number)),
      'a rising list of numbers',
    ),
  basis: z.enum(['accepted', 'all', 'none']),
  loss: lossSchema,
  samples: z.int().min(0),
  rounds: z.int().min(0),
})

/** Bins and what they were fitted on. */
export interface Bins {
  /** Entropies between the bins in nats, ascending, at most 7. Without any no round is a low one. */
  readonly edges: readonly number[]
  /**
   * `accepted`: on rounds whose meta-path came true as a whole, as the paper does it. `all`: on all rounds, because a weak
   * drafter has hardly any such round. `none`: there were too few rounds for either; no edges.
   */
  readonly basis: 'accepted' | 'all' | 'none'
  readonly loss: SplitLoss
  /** Rounds that the fit used, of so many that were judged. */
  readonly samples: number
  readonly rounds: number
}

export interface FitOptions {
  readonly loss?: SplitLoss
  /** Fewest samples of each side of a split; by default a twentieth of all, at least 6. */
  readonly minimumSide?: number
  /** Fewest samples for a fit; default 48. */
  readonly minimumSamples?: number
}

/**
 * The bins that tell best, by entropy alone, how far down the ranking a round's text went. Never fails: see `Bins.basis` for
 * what happens with a weak drafter and with few rounds.
 */
export function fitBins(samples: readonly BinSample[], options: FitOptions = {}): Bins {
  const { loss = 'weighted', minimumSamples = FEWEST_SAMPLES } = options
  const accepted = samples.filter(({ fullyAccepted }) => fullyAccepted)
  const rounds = samples.length
  const basis =
    accepted.length >= minimumSamples ? 'accepted' : rounds >= PATIENCE * minimumSamples ? 'all' : ('none' as const)
  if (basis === 'none') return { edges: [], basis, loss, samples: 0, rounds }
  const used = basis === 'accepted' ? accepted : samples
  const minimumSide = options.minimumSide ?? Math.max(SMALLEST_SIDE, Math.ceil(SIDE_SHARE * used.length))
  const points = used.map(({ entropy, rank }) => ({ x: entropy, y: rank }))
  return {
    edges: fitEdges(points, { loss, depth: TREE_DEPTH, minimumSide }),
    basis,
    loss,
    samples: used.length,
    rounds,
  }
}

const calibrationSchema = z.strictObject({
  kind: z.literal('heterospec-bins'),
  version: z.literal(1),
  identity: z.strictObject({
    target: z.string(),
    drafter: z.string(),
    drafterFile: z.string().nullable(),
    topK: z.int().min(1),
    depth: z.int().min(0),
    totalTokens: z.int().min(1),
  }),
  provenance: z.strictObject({
    program: z.string(),
    prompts: z.string(),
    promptCount: z.int().min(0),
    temperature: z.number().min(0),
    seed: z.int().nullable(),
  }),
  bins: binsSchema,
})

/** What the bins hold for, where they came from, and the bins. Fingerprints are the caller's, e.g. hashes of the files. */
export interface BinCalibration {
  readonly identity: {
    readonly target: string
    /** Name of the drafting method. */
    readonly drafter: string
    /** Fingerprint of the draft model's or head's file; null for methods without one. */
    readonly drafterFile: string | null
    /** The tree of the rounds: entropies of other depths are not comparable. */
    readonly topK: number
    readonly depth: number
    readonly totalTokens: number
  }
  readonly provenance: {
    /** Name and version of the program that made it. */
    readonly program: string
    /** Name or fingerprint of the prompts, and how many. */
    readonly prompts: string
    readonly promptCount: number
    readonly temperature: number
    readonly seed: number | null
  }
  readonly bins: Bins
}

/** The document's text: keys in one order, no date, a line at the end. */
export function calibrationText({ identity, provenance, bins }: BinCalibration): string {
  // The schema puts the keys in its own order, whatever the caller's.
  const document = calibrationSchema.parse({ kind: 'heterospec-bins', version: 1, identity, provenance, bins })
  return `${JSON.stringify(document, null, 2)}\n`
}

/** Reads such a text; `name` stands in the error, which is `bad-file`. */
export function parseCalibration(text: string, name: string): BinCalibration {
  const fail = (why: string, cause?: unknown): never => {
    throw new UsageError('bad-file', `expected entropy bins in ${name}, got ${why}; calibrate anew`, { cause })
  }
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (error) {
    return fail('text that is not JSON', error)
  }
  const parsed = calibrationSchema.safeParse(found)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return fail(`${issue?.path.join('.') || 'a document'}: ${issue?.message ?? 'something else'}`)
  }
  const { identity, provenance, bins } = parsed.data
  return { identity, provenance, bins }
}
