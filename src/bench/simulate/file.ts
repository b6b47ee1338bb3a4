/**
 * Recordings and traces as files, one JSON object a line. A broken file is refused as a whole, with the line, before any
 * work: a simulation of half a file would look like one.
 */
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import { costParts } from '../cost/document.ts'
import type { RecordedAnswer, RecordedPlace, RecordedQuestion, Recording, RecordingHeader } from './types.ts'

/** A round of `--trace`, as far as prices are concerned. */
export interface TracedRound {
  /** In a trace of the server: whose round it is. */
  readonly request?: string | undefined
  readonly answer?: number | undefined
  readonly round: number
  readonly context: number
  readonly drafted: number
  readonly emitted: readonly number[]
  readonly draftMs: number
  readonly targetMs: number
  readonly hostMs: number
}

export type SimulationSource =
  | { readonly kind: 'recording'; readonly recording: Recording }
  | { readonly kind: 'trace'; readonly rounds: readonly TracedRound[] }

/** Reads either; the form of the first line tells which it is. Throws `bad-file` with file and line. */
export function readSource(file: string): SimulationSource {
  const lines = readLines(file)
  const [first] = lines
  if (first === undefined) throw broken(file, 'nothing at all')
  const isRecording = isObject(first.value) && first.value['kind'] === 'heterospec-recording'
  return isRecording
    ? { kind: 'recording', recording: parseRecording(file, lines) }
    : { kind: 'trace', rounds: lines.map((line) => parse(tracedRound, line)) }
}

// ---------------------------------------------------------------------------------------------------------------

interface Line {
  /** File and number. */
  readonly where: string
  readonly value: unknown
}

const token = z.int().min(0)
const ms = z.number().min(0)

const tracedRound = z.object({
  request: z.string().optional(),
  answer: z.int().min(0).optional(),
  round: z.int().min(0),
  context: z.int().min(0),
  drafted: z.int().min(0),
  emitted: z.array(token).min(1),
  draftMs: ms,
  targetMs: z.number().positive(),
  hostMs: ms,
})

const header = z.object({
  kind: z.literal('heterospec-recording'),
  version: z.literal(1),
  drafter: z.object({ name: z.string(), options: z.record(z.string(), z.unknown()) }),
  files: z.array(z.object({ method: z.string(), name: z.string(), fingerprint: z.string() })).optional(),
  tree: z.object({ nodes: z.int().min(1), depth: z.int().min(1), width: z.int().min(1) }),
  scored: z.int().min(0),
  maxTokens: z.int().min(1),
  prices: costParts,
  identity: z.object({ model: z.string(), library: z.string(), threads: z.int().min(1), kvType: z.string() }),
  provenance: z.looseObject({
    machine: z.looseObject({ cpu: z.string() }),
    model: z.looseObject({ name: z.string() }),
  }),
})

const question = z.object({
  question: z.union([z.int(), z.string().min(1)]),
  category: z.string().min(1),
  group: z.string().min(1),
  prompt: z.array(token).min(1),
  first: token,
  room: z.int().min(0),
  calibration: z.boolean().optional(),
})

const recordedTree = z
  .object({
    tokens: z.array(token).min(1),
    parents: z.array(z.int()),
    logProbs: z.array(z.number().max(0)),
    sources: z.array(z.int().min(0).max(255)),
  })
  .refine(
    ({ tokens, parents, logProbs, sources }) =>
      [parents, logProbs, sources].every((list) => list.length === tokens.length) &&
      parents.every((parent, node) => (node === 0 ? parent === -1 : parent >= 0 && parent < node)),
    'expected four lists of one length with parents before children',
  )

const node = z.int().min(0)
const probs = z.array(z.number().min(0).max(1))

const place = z
  .object({
    context: z.int().min(0),
    tree: recordedTree,
    levels: z
      .array(
        z.object({
          depth: z.int().min(0),
          frontier: z.array(node),
          topProbs: z.array(probs),
          nodes: z.int().min(1).optional(),
          restated: z.array(z.tuple([node, z.number().max(0), z.int().min(0).max(255)])).optional(),
          told: z.array(z.tuple([node, probs])).optional(),
        }),
      )
      .optional(),
    next: token,
    draftMs: ms,
  })
  .refine(
    ({ tree, levels = [] }) =>
      levels.every(({ depth, frontier, nodes = 1, restated = [], told = [] }, index) => {
        const named = [...frontier, nodes - 1, ...restated.map(([at]) => at), ...told.map(([at]) => at)]
        return depth === index + (levels[0]?.depth === 0 ? 0 : 1) && named.every((at) => at < tree.tokens.length)
      }),
    'expected levels in order, with nodes of the tree',
  )

function readLines(file: string): Line[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'bad-file',
      `expected a recording or a trace at ${file}, got none (${why}); check the path, or make one with --record`,
      { cause: error },
    )
  }
  return text.split('\n').flatMap((line, index): Line[] => {
    if (line.trim() === '') return []
    const where = `${file}, line ${index + 1}`
    try {
      return [{ where, value: JSON.parse(line) as unknown }]
    } catch (error) {
      throw broken(where, `no JSON (${error instanceof Error ? error.message : String(error)})`)
    }
  })
}

function parseRecording(file: string, [first, ...lines]: readonly Line[]): Recording {
  const answers: (RecordedQuestion & { readonly places: RecordedPlace[] })[] = []
  for (const line of lines) {
    if (isObject(line.value) && 'question' in line.value) {
      const parsed = parse(question, line)
      if (answers.some((answer) => answer.question === parsed.question && answer.category === parsed.category)) {
        throw broken(line.where, `question ${parsed.question} a second time`)
      }
      answers.push({ ...parsed, places: [] })
      continue
    }
    const answer = answers.at(-1)
    if (answer === undefined) throw broken(line.where, 'a place before the first question')
    answer.places.push(parsePlace(line, answer))
  }
  const whole: RecordedAnswer[] = answers.filter(({ places }) => places.length > 0)
  if (whole.length === 0) throw broken(file, 'no recorded answer')
  // Its other fields are only shown, never computed with.
  return { ...(parse(header, defined(first)) as unknown as RecordingHeader), answers: whole }
}

/** A place must go on where the one before it ended. */
function parsePlace(line: Line, { first, places, room }: RecordedAnswer): RecordedPlace {
  const parsed = parse(place, line)
  const before = places.at(-1)
  const root = before?.next ?? first
  if (parsed.tree.tokens[0] !== root) {
    throw broken(line.where, `a tree below token ${parsed.tree.tokens[0] ?? ''} where the text has ${root}`)
  }
  if (before && parsed.context !== before.context + 1) {
    throw broken(line.where, `context ${parsed.context} after ${before.context}: a line is missing`)
  }
  if (places.length >= room) throw broken(line.where, `more than the ${room} tokens that there was room for`)
  return parsed
}

function parse<S extends z.ZodType>(schema: S, { where, value }: Line): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw broken(where, `${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'something else'}`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function broken(where: string, what: string): UsageError {
  return new UsageError(
    'bad-file',
    `expected a recording of "heterospec simulate --record" or a trace of "heterospec run --trace", got in ${where}: ${what}; record it again`,
  )
}
