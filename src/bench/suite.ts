/**
 * Suites of prompts in Spec-Bench's file format: one JSON object per line with `question_id`, `category` and `turns`.
 * MT-bench, HumanEval, GSM8K and others are passed around in the same form. A broken file is refused as a whole, with
 * the line, before any work.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { UsageError } from '../util/errors.ts'
import { uniformAt } from '../util/rng.ts'
import type { Question } from './types.ts'

export interface Suite {
  readonly file: string
  readonly sha256: string
  readonly questions: readonly Question[]
}

/** The 480 prompts of Spec-Bench (Apache-2.0), shipped with the package. */
export const specBenchFile = fileURLToPath(new URL('../../data/spec_bench/question.jsonl', import.meta.url))

/** Reads a suite. Throws `bad-file` with file and line. */
export function loadSuite(file: string = specBenchFile): Suite {
  const bytes = readBytes(file)
  const lines = new TextDecoder().decode(bytes).split('\n')
  const questions = lines.flatMap((line, index) =>
    line.trim() === '' ? [] : [parseLine(line, `${file}, line ${index + 1}`)],
  )
  if (questions.length === 0) throw broken(file, 'no question at all')
  const seen = new Map<string, number>()
  for (const [index, { id, category }] of questions.entries()) {
    const key = `${category} ${id}`
    const before = seen.get(key)
    if (before !== undefined) throw broken(file, `question ${id} of ${category} twice (entries ${before} and ${index})`)
    seen.set(key, index)
  }
  return { file, sha256: createHash('sha256').update(bytes).digest('hex'), questions }
}

/**
 * `perGroup` questions of each group in the file's order; which ones depends on `seed` alone, and a larger sample holds
 * the smaller one. Null takes all.
 */
export function sampleQuestions(questions: readonly Question[], perGroup: number | null, seed: number): Question[] {
  if (perGroup === null) return [...questions]
  const chosen = new Set<Question>()
  for (const group of groupsOf(questions)) {
    const own = questions.filter((question) => question.group === group)
    const order = own.map((question, index) => ({ question, draw: uniformAt(seed, index) }))
    order.sort((a, b) => a.draw - b.draw)
    for (const { question } of order.slice(0, perGroup)) chosen.add(question)
  }
  return questions.filter((question) => chosen.has(question))
}

/** Groups in the order of their first question. */
export function groupsOf(questions: readonly { readonly group: string }[]): string[] {
  return [...new Set(questions.map(({ group }) => group))]
}

// ---------------------------------------------------------------------------------------------------------------

const questionLine = z.object({
  question_id: z.union([z.int(), z.string().min(1)]),
  category: z.string().min(1),
  turns: z.array(z.string().refine((text) => text.trim() !== '', 'expected a text, got an empty one')).min(1),
})

/** MT-bench's categories: Spec-Bench's own table counts them as one group. */
const MT_BENCH: ReadonlySet<string> = new Set([
  ...['writing', 'roleplay', 'reasoning', 'math', 'coding', 'extraction', 'stem', 'humanities'],
])

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('bad-file', `expected a suite of prompts at ${file}, got none (${why}); check the path`, {
      cause: error,
    })
  }
}

function parseLine(line: string, where: string): Question {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw broken(where, `no JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  const parsed = questionLine.safeParse(json)
  if (parsed.success) {
    const { question_id: id, category, turns } = parsed.data
    return { id, category, group: MT_BENCH.has(category) ? 'mt_bench' : category, turns }
  }
  const issue = parsed.error.issues[0]
  throw broken(where, `${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'something else'}`)
}

function broken(where: string, what: string): UsageError {
  return new UsageError(
    'bad-file',
    `expected questions as {"question_id", "category", "turns": [texts]} one a line, got in ${where}: ${what}; mend the file`,
  )
}
