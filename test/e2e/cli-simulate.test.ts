/** `heterospec simulate`: record, judge, validate, price a trace anew, and everything that may be wrong with its input. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { SimulationDocument } from '../../src/bench/simulate/types.ts'
import { fakeRecording, recordingLines } from '../fixtures/recording.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'
import { cli, endAmidst, lastLine, startCli, temporaryFolder, untilTrue } from './cli.ts'

const folder = temporaryFolder()
const env = { HETEROSPEC_CACHE: join(folder, 'cache') }
const tiny = ['--model', inject('tinyModelPath'), '--threads', '1']
const at = (name: string): string => join(folder, name)
const simulate = (...args: string[]) => cli(['simulate', ...args], { env })
const document = async (...args: string[]): Promise<SimulationDocument> => {
  const ended = await simulate(...args, '--json')
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  return lastLine(ended.stdout) as SimulationDocument
}

const suite = at('suite.jsonl')
const recorded = at('rec.jsonl')
beforeAll(async () => {
  const question = (id: number, category: string, text: string) => {
    return JSON.stringify({ question_id: id, category, turns: [text] })
  }
  const lines = [question(1, 'qa', 'one two one two'), question(2, 'qa', 'a b c a b c'), question(3, 'rag', 'the sea')]
  writeFileSync(suite, lines.join('\n'))
  const args = ['--suite', suite, '--max-tokens', '40', '--drafter', 'combined']
  const ended = await simulate('--record', recorded, ...tiny, ...args)
  expect(ended.code).toBe(0)
  expect(ended.stdout).toMatch(/^\d+ places of 3 answers in .*rec\.jsonl; next: heterospec simulate .*rec\.jsonl\n$/)
})

describe('a recording', () => {
  it('begins with what it was made with', () => {
    const header = JSON.parse(readFileSync(recorded, 'utf8').split('\n')[0]!) as Record<string, unknown>
    expect(header).toMatchObject({
      kind: 'heterospec-recording',
      drafter: { name: 'combined', options: { method: 'combined' } },
      tree: { nodes: 63, depth: 16, width: 4 },
      maxTokens: 40,
      provenance: { threads: 1, model: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string } },
    })
  })

  it('is judged by budgets at the prices that it holds', async () => {
    const { summary, answers, machine } = await document(recorded, '--budgets', 'goodput,fixed:nodes=4:depth=2')
    expect(machine).toContain('1 thread, as recorded')
    expect([...new Set(summary.map(({ budget }) => budget))]).toEqual([
      'off',
      'goodput',
      'fixed:nodes=4:depth=2',
      'oracle',
    ])
    expect([...new Set(summary.map(({ group }) => group))]).toEqual(['qa', 'rag', 'overall'])
    const off = summary.find(({ budget, group }) => budget === 'off' && group === 'overall')
    expect(off).toMatchObject({ tau: 1, speedup: { mean: 1 }, questions: 3 })
    expect(answers).toHaveLength(12)
    for (const { tokens, calls, verified } of answers) expect(calls <= tokens && calls <= verified).toBe(true)
  })

  it('is judged on invented machines: the flatter the curve and the smaller the batch, the better', async () => {
    const fixed = async (...args: string[]): Promise<number> => {
      const { summary } = await document(recorded, '--budgets', 'fixed:nodes=8', ...args)
      return summary.find(({ budget, group }) => budget !== 'off' && group === 'overall')!.speedup.mean
    }
    const flat = await fixed('--curve', 'flat', '--row-ms', '50')
    const stairs = await fixed('--curve', 'stairs:4', '--row-ms', '50')
    const linear = await fixed('--curve', 'linear', '--row-ms', '50')
    expect([flat > stairs, stairs > linear, linear < 1]).toEqual([true, true, true])
    expect(await fixed('--curve', 'gpu', '--row-ms', '50')).toBeCloseTo(flat, 5)
    expect(await fixed('--curve', 'gpu', '--row-ms', '50', '--batch', '32')).toBeLessThan(flat)
  })

  it('is judged at the prices of another machine', async () => {
    const list = await cli(['cost', ...tiny, '--quick', '--json'], { env })
    writeFileSync(at('cost.json'), list.stdout)
    const { machine, remarks } = await document(recorded, '--cost', at('cost.json'))
    expect(machine).toContain('cost.json')
    expect(remarks.join(' ')).not.toContain('has no drafter')
  })

  it('is told in tables, and compared with real decoding', async () => {
    const ended = await simulate(recorded, ...tiny, '--budgets', 'goodput,fixed:nodes=4', '--validate', '--quiet')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^BUDGET +qa +rag$/m)
    expect(ended.stdout).toMatch(/^fixed:nodes=4 +\d\.\d\d \(.* to .*\) +\d\.\d\d +\d+ +\d+ /m)
    expect(ended.stdout).toMatch(/^BUDGET +TAU +REAL +ERROR +SPEED-UP +REAL ROUNDS +ERROR +BY THE CLOCK +ERROR$/m)
    const numbers = /^fixed:nodes=4 +(\d\.\d\d) +(\d\.\d\d) +[+-]\d+\.\d % +(\d+\.\d\d) +(\d+\.\d\d) +[+-]/m.exec(
      ended.stdout,
    )
    const [tau, realTau, speedup, realRounds] = (numbers ?? []).slice(1).map(Number)
    expect(Math.abs(tau! / realTau! - 1)).toBeLessThan(0.25)
    expect(Math.abs(speedup! / realRounds! - 1)).toBeLessThan(0.25)
  })

  it('of a draft head holds levels, and is compared with real decoding by the head', async () => {
    const head = ['--draft-head', await tinyHeadFile()]
    const args = ['--drafter', 'eagle3', '--suite', suite, '--max-tokens', '20', ...head]
    expect(await simulate('--record', at('head.jsonl'), ...tiny, ...args, '--quiet')).toMatchObject({ code: 0 })
    expect(readFileSync(at('head.jsonl'), 'utf8')).toContain('"levels":[')
    const ended = await simulate(
      at('head.jsonl'),
      ...tiny,
      ...head,
      '--budgets',
      'fixed:nodes=4',
      '--validate',
      '--quiet',
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^fixed:nodes=4 +1\.\d\d +1\.\d\d +[+-]/m)
  })

  it('that was interrupted holds whole lines and can be judged', async () => {
    const args = ['simulate', '--record', at('cut.jsonl'), ...tiny, '--suite', suite, '--max-tokens', '1500']
    const lines = (): number =>
      existsSync(at('cut.jsonl')) ? readFileSync(at('cut.jsonl'), 'utf8').split('\n').length : 0
    const interrupted = await endAmidst({
      begin: () => startCli(args, { env }),
      reached: (running) => untilTrue(running, () => lines() >= 50),
      signal: 'SIGINT',
      forget: () => rmSync(at('cut.jsonl')),
    })
    expect(interrupted.code).toBe(130)
    expect(readFileSync(at('cut.jsonl'), 'utf8').endsWith('\n')).toBe(true)
    expect((await document(at('cut.jsonl'))).answers.length).toBeGreaterThan(0)
  })
})

describe('a trace', () => {
  const trace = at('trace.jsonl')
  beforeAll(async () => {
    const args = [
      'run',
      ...tiny,
      '--budget',
      'fixed',
      '--max-tokens',
      '40',
      '--quiet',
      '--trace',
      trace,
      'one two one two',
    ]
    expect((await cli(args, { env })).code).toBe(0)
  })

  it('is priced anew with its rounds as they were', async () => {
    // Beside rows of an hour it does not show how long drafts took here.
    const { source, summary } = await document(trace, '--curve', 'flat', '--row-ms', '3600000')
    expect(source).toBe('trace')
    const [off, traced] = summary
    expect([off?.budget, traced?.budget]).toEqual(['off', 'as traced'])
    expect(traced!.speedup.mean / traced!.tau).toBeCloseTo(1, 1)
  })

  it.each([
    [['--curve', 'flat', '--budgets', 'goodput'], 'expected a recording for --budgets, got a trace'],
    [['--curve', 'flat', '--memory', 'run'], 'expected a recording for --memory run, got a trace'],
    [['--curve', 'flat', '--row-ms', '5', '--validate'], 'expected a recording for --validate, got a trace'],
    [[], 'expected the prices of a machine for a trace, got none'],
  ])('is refused with %j', async (args, sentence) => {
    const ended = await simulate(trace, ...args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
  })
})

describe('wrong use of simulate', () => {
  it.each([
    [[], 'expected a recording or --record, got neither'],
    [['REC', '--curve', 'steep'], 'expected a curve like flat, linear, slope:0.1'],
    [['REC', '--curve', 'flat', '--cost', 'x.json'], 'got --cost and --curve'],
    [['REC', '--row-ms', '5'], 'expected a curve for --row-ms, got none'],
    [['REC', '--batch', '0'], "for --batch, got '0'"],
    [['REC', '--budgets', 'greedy'], 'got the budget "greedy"'],
    [['REC', '--budgets', 'fixed:nodes=64'], 'record again with --tree-nodes 64'],
    [['REC', '--sample', '3'], 'expected flags that go with a recording, got --sample'],
    [['REC', '--record', 'x'], 'expected no file beside --record'],
    [['--record', 'REC.new', '--budgets', 'goodput'], 'expected flags that go with --record, got --budgets'],
    [['--record', '/nowhere/rec'], 'expected a file that can be written for --record'],
    [['--record', 'REC.new', '--drafter', 'magic'], 'got the drafter "magic"'],
    [['--record', 'REC.new', '--drafter', 'model'], 'no draft model'],
    [['REC', '--validate', '--batch', '2'], 'expected this machine and one sequence for --validate'],
    [['REC', '--validate', '--memory', 'run'], 'expected questions on their own for --validate, got --memory run'],
  ])('%j ends with 2 and one sentence', async (args, sentence) => {
    const ended = await simulate(...args.map((arg) => arg.replace('REC', recorded)))
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })

  it('a missing file, a broken line and a broken price list end with 1, file and line', async () => {
    const missing = await simulate(at('nowhere.jsonl'))
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toMatch(/^heterospec: expected a recording or a trace at .*nowhere\.jsonl, got none/)
    const lines = recordingLines(fakeRecording())
    writeFileSync(at('broken.jsonl'), lines.map((line, index) => (index === 16 ? line.slice(0, 30) : line)).join('\n'))
    const broken = await simulate(at('broken.jsonl'))
    expect(broken).toMatchObject({ code: 1, stdout: '' })
    expect(broken.stderr).toMatch(/^heterospec: .*broken\.jsonl, line 17: no JSON .*; record it again\n$/)
    writeFileSync(at('list.json'), '{"kind": "something"}')
    const list = await simulate(recorded, '--cost', at('list.json'))
    expect(list).toMatchObject({ code: 1, stdout: '' })
    expect(list.stderr).toMatch(/^heterospec: expected the output of "heterospec cost --json" in .*list\.json/)
  })

  it('another model than the recorded one is not validated', async () => {
    const other = await tinyFile({ weightType: 'q8_0', architecture: 'qwen2' })
    const ended = await simulate(recorded, '--validate', '--model', other, '--threads', '1', '--quiet')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(
      /^heterospec: expected the model that was recorded \(.*\), got .*; name it with --model/,
    )
  })

  it('a draft model of another vocabulary is refused', async () => {
    const args = ['--drafter', 'model', '--draft-model', inject('modelPath'), '--suite', suite, '--quiet']
    const ended = await simulate('--record', at('other.jsonl'), ...tiny, ...args)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected a draft model with the vocabulary of .*\n$/)
  })
})
