/** `makeData` on a tiny model: batches do not change texts, files go on after a kill, and what is refused. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { liveHandles } from '../../src/ffi/index.ts'
import type { DataLine, DroppedLine } from '../../src/train/data/types.ts'
import { contextOf, makeData, openTarget, readTrainingFile, type MakeDataOptions, type OpenTarget } from '../../src/train/index.ts'

const sizes = { maxPrompt: 60, maxAnswer: 40 }
let folder: string
let target: OpenTarget
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-data-'))
  target = await openTarget(inject('tinyModelPath'), { threads: 1, context: contextOf(sizes), sequences: 5 })
  const prompts = ['one two', 'red blue red', 'a b c d e f', 'What is the sea', 'one two']
  const lines = prompts.map((prompt) => JSON.stringify({ prompt }))
  lines.push(JSON.stringify({ turns: ['first', 'second'] }), JSON.stringify({ user: 'x'.repeat(400) }))
  await writeFile(join(folder, 'prompts.jsonl'), `${lines.join('\n')}\n`)
})
afterAll(async () => {
  await target[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
  expect(liveHandles()).toEqual({})
})

function options(name: string, changes: Partial<MakeDataOptions> = {}): MakeDataOptions {
  return {
    ...{ out: join(folder, name), prompts: [join(folder, 'prompts.jsonl')], promptsOnly: true, repeats: 2 },
    temperatures: [0, 0.7, 1].map((temperature) => ({ temperature, weight: 1 })),
    ...{ tokens: 1e6, seed: 3, sequences: 5, candidates: 40, ...sizes, ...changes },
  }
}

/** Lines after the header, by conversation. */
async function linesOf(name: string): Promise<(DataLine | DroppedLine)[]> {
  const [, ...lines] = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
  return lines
    .map((line) => JSON.parse(line) as DataLine | DroppedLine)
    .sort((a, b) => a.conversation - b.conversation)
}

describe('texts', () => {
  it('do not depend on who else is in the pass', async () => {
    await makeData(target, options('batch.jsonl'))
    await makeData(target, options('alone.jsonl', { sequences: 1 }))
    const [batch, alone] = [await linesOf('batch.jsonl'), await linesOf('alone.jsonl')]
    expect(batch).toHaveLength(14)
    // Which of two equal texts comes first may differ, and with it which one is the duplicate.
    const texts = (lines: typeof batch): string[] =>
      lines.flatMap((line) => ('tokens' in line ? [JSON.stringify([line.tokens, line.answers])] : [])).sort()
    expect(texts(batch)).toEqual(texts(alone))
    expect(texts(batch).length).toBeGreaterThan(6)
  })

  it('are what the trainer reads; answers hold what was generated, and the prompt is the template’s', async () => {
    const lines = (await linesOf('batch.jsonl')).filter((line) => 'tokens' in line)
    let count = 0
    for await (const { tokens, answers } of readTrainingFile(join(folder, 'batch.jsonl'), target)) {
      count++
      expect(answers[0]![0]).toBeGreaterThan(3)
      for (const [from, to] of answers) expect(to - from).toBeLessThanOrEqual(sizes.maxAnswer)
      expect(answers.at(-1)![1]).toBe(tokens.length)
    }
    expect(count).toBe(lines.length)
    for (const { tokens, answers, messages } of lines) {
      const answer = messages.findIndex(({ role }) => role === 'assistant')
      expect(target.tokenizer.detokenize(tokens.slice(...answers[0]!))).toBe(messages[answer]!.content)
    }
  })

  it('that say the same are kept once, and prompts that are too long are left out', async () => {
    await makeData(target, options('greedy.jsonl', { temperatures: [{ temperature: 0, weight: 1 }] }))
    const lines = await linesOf('greedy.jsonl')
    const dropped = lines.map((line) => ('dropped' in line ? line.dropped : ''))
    expect(dropped.slice(6, 7)).toEqual(['too-long'])
    const texts = lines.filter((line) => 'messages' in line).map(({ messages }) => JSON.stringify(messages))
    expect(new Set(texts).size).toBe(texts.length)
    // Every prompt comes twice and answers are greedy; 'one two' is in the file twice.
    expect(dropped.filter((reason) => reason === 'duplicate').length).toBeGreaterThanOrEqual(texts.length)
  })

  it('of its own begin differently and reach the number of tokens wanted', async () => {
    const own = options('own.jsonl', { prompts: [], promptsOnly: false, tokens: 400 })
    const report = await makeData(target, own)
    expect(report.totals.answerTokens).toBeGreaterThanOrEqual(400)
    const users = (await linesOf('own.jsonl')).flatMap((line) => ('messages' in line ? [line.messages[0]!.content] : []))
    expect(new Set(users).size).toBe(users.length)
    const more = await makeData(target, { ...own, tokens: 800 })
    expect(more.resumed).toBe(report.totals.texts)
    expect(more.totals.answerTokens).toBeGreaterThanOrEqual(800)
  })
})

describe('a file', () => {
  it('goes on where it was torn off, without doing anything twice', async () => {
    const whole = await readFile(join(folder, 'batch.jsonl'), 'utf8')
    // The last time within the last text: which one that is, and whether lines without a text follow, depends on the kernels.
    for (const end of [0.2 * whole.length, 0.5 * whole.length, whole.lastIndexOf('"tokens"')]) {
      await writeFile(join(folder, 'torn.jsonl'), whole.slice(0, Math.floor(end)))
      const { resumed, generated, totals } = await makeData(target, options('torn.jsonl'))
      expect(resumed).toBeLessThan(totals.texts)
      expect(generated).toBeLessThan(totals.generated)
      expect((await linesOf('torn.jsonl')).map(({ conversation }) => conversation)).toEqual([...Array(14).keys()])
    }
    const before = await readFile(join(folder, 'torn.jsonl'), 'utf8')
    expect((await makeData(target, options('torn.jsonl'))).generated).toBe(0)
    expect(await readFile(join(folder, 'torn.jsonl'), 'utf8')).toBe(before)
  })

  it('of other options, or of something else, is refused and left alone', async () => {
    await expect(makeData(target, options('batch.jsonl', { maxAnswer: 30 }))).rejects.toThrow(
      /^expected the options that .*batch\.jsonl was begun with \(maxAnswer 40\), got maxAnswer 30; repeat those or name another file$/,
    )
    const prompts = join(folder, 'prompts.jsonl')
    const before = await readFile(prompts, 'utf8')
    await expect(makeData(target, options('prompts.jsonl'))).rejects.toThrow(/expected a new file or one of/)
    expect(await readFile(prompts, 'utf8')).toBe(before)
  })

  it('of prompts that are none is refused with its line', async () => {
    await writeFile(join(folder, 'bad.jsonl'), '{"prompt": "good"}\n{"question": "bad"}\n')
    const bad = options('new.jsonl', { prompts: [join(folder, 'bad.jsonl')] })
    await expect(makeData(target, bad)).rejects.toThrow('bad.jsonl, line 2')
  })
})
