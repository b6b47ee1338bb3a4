/** Spec-Bench's prompts by group, a fixed sample of each. */
import { readFileSync } from 'node:fs'

export interface BenchPrompt {
  readonly id: number
  readonly group: string
  readonly text: string
}

interface Question {
  readonly question_id: number
  readonly category: string
  readonly turns: readonly string[]
}

/** Spec-Bench counts MT-bench's eight categories as one group. */
const GROUPS: ReadonlySet<string> = new Set(['translation', 'summarization', 'qa', 'math_reasoning', 'rag'])

/** `perGroup` prompts of each of the six groups, evenly spread over the file; first turns only. */
export function specBench(perGroup: number): BenchPrompt[] {
  const groups = new Map<string, BenchPrompt[]>()
  for (const question of questions()) {
    const group = GROUPS.has(question.category) ? question.category : 'mt_bench'
    const list = groups.get(group) ?? []
    list.push({ id: question.question_id, group, text: question.turns[0] ?? '' })
    groups.set(group, list)
  }
  return [...groups.values()].flatMap((list) => {
    const step = list.length / perGroup
    return Array.from({ length: perGroup }, (_, index) => list[Math.floor(index * step)]).filter(
      (prompt) => prompt !== undefined,
    )
  })
}

/** All turns of all prompts in the file's order: real text for measurements that need a lot of it. */
export function specBenchText(): string {
  return questions()
    .flatMap((question) => question.turns)
    .join('\n\n')
}

function questions(): Question[] {
  const file = new URL('../data/spec_bench/question.jsonl', import.meta.url)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Question)
}
