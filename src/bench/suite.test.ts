import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupsOf, loadSuite, sampleQuestions } from './suite.ts'
import type { Question } from './types.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-suite-'))
let files = 0
const fileWith = (text: string): string => {
  const file = join(folder, `${files++}.jsonl`)
  writeFileSync(file, text)
  return file
}
const line = (fields: object): string =>
  `${JSON.stringify({ question_id: 1, category: 'a', turns: ['hi'], ...fields })}\n`

describe('the shipped suite', () => {
  it('is Spec-Bench: 480 questions in six groups of 80, two turns in mt_bench', () => {
    const { questions } = loadSuite()
    const sizes = groupsOf(questions).map((group) => [group, questions.filter((one) => one.group === group).length])
    expect(Object.fromEntries(sizes)).toEqual({
      ...{ mt_bench: 80, translation: 80, summarization: 80, qa: 80, math_reasoning: 80, rag: 80 },
    })
    expect(questions.filter(({ group }) => group === 'mt_bench').every(({ turns }) => turns.length === 2)).toBe(true)
  })
})

describe('a suite of one’s own', () => {
  it('keeps ids, categories and turns, and ignores other fields and empty lines', () => {
    const file = fileWith(
      `${line({ question_id: 'HumanEval/0', category: 'coding', reference: ['x'] })}\n${line({ question_id: 2 })}`,
    )
    expect(loadSuite(file).questions).toEqual([
      { id: 'HumanEval/0', category: 'coding', group: 'mt_bench', turns: ['hi'] },
      { id: 2, category: 'a', group: 'a', turns: ['hi'] },
    ])
  })

  it.each([
    ['bad JSON', `${line({})}{"question_id": 2,`, 'line 2: no JSON'],
    ['a missing field', `${line({})}\n\n{"question_id": 2, "turns": ["x"]}`, 'line 4: category'],
    [
      'an empty turn',
      `${line({})}${line({ question_id: 2, turns: ['ok', '  '] })}`,
      'line 2: turns.1: expected a text',
    ],
    ['no turn', line({ turns: [] }), 'line 1: turns'],
    ['a turn that is no text', line({ turns: [7] }), 'line 1: turns.0'],
    ['the same question twice', line({}) + line({}), 'question 1 of a twice'],
    ['nothing', '\n', 'no question at all'],
  ])('with %s is refused with file and line', (_name, text, where) => {
    const file = fileWith(text)
    expect(() => loadSuite(file)).toThrow(where)
    expect(() => loadSuite(file)).toThrow(file)
  })

  it('that does not exist is refused with its path', () => {
    expect(() => loadSuite('/nowhere/suite.jsonl')).toThrow('/nowhere/suite.jsonl')
  })
})

describe('a sample', () => {
  const questions: Question[] = Array.from({ length: 60 }, (_, id) => {
    const group = ['a', 'b', 'c'][id % 3] as string
    return { id, category: group, group, turns: ['hi'] }
  })

  it('holds as many of each group, in order, the same for the same seed, a smaller one within a larger one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.nat(), (count, seed) => {
        const sample = sampleQuestions(questions, count, seed)
        const ids = sample.map(({ id }) => Number(id))
        for (const group of ['a', 'b', 'c']) {
          expect(sample.filter((one) => one.group === group)).toHaveLength(Math.min(count, 20))
        }
        expect(ids).toEqual([...ids].sort((x, y) => x - y))
        expect(sampleQuestions(questions, count, seed)).toEqual(sample)
        const larger = new Set(sampleQuestions(questions, count + 1, seed))
        expect(sample.every((one) => larger.has(one))).toBe(true)
      }),
    )
  })

  it('differs from seed to seed, and is everything when nobody limits it', () => {
    const ids = (seed: number): string => JSON.stringify(sampleQuestions(questions, 5, seed).map(({ id }) => id))
    expect(new Set(Array.from({ length: 10 }, (_, seed) => ids(seed))).size).toBeGreaterThan(8)
    expect(sampleQuestions(questions, null, 1)).toEqual(questions)
  })
})
