/** `heterospec cost`: the document, the tables, what is remembered, wrong use. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { createCostModel } from '../../src/policy/index.ts'
import type { CostDocument } from '../../src/bench/cost/types.ts'
import { tinyFile, tinyHeadFile } from '../tiny.ts'
import { cli, lastLine, startCli, temporaryFolder } from './cli.ts'

const env = { HETEROSPEC_CACHE: join(temporaryFolder(), 'cache') }
const tiny = ['--model', inject('tinyModelPath'), '--threads', '1']

describe('cost', () => {
  it('prints one document, and budgets and doctor use what it found', async () => {
    const ended = await cli(['cost', ...tiny, '--quick', '--json', '--synthetic', '0.9,0.5'], { env })
    expect(ended.code).toBe(0)
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1)
    const document = lastLine(ended.stdout) as CostDocument
    const rows = [...new Set(document.target.map((price) => price.rows))]
    expect([rows[0], rows.at(-1)]).toEqual([1, 64])
    expect(new Set(document.target.map(({ context }) => context))).toEqual(new Set([128, 1024, 2048]))
    for (const { ms, spread } of document.target) expect([ms > 0, spread >= 0]).toEqual([true, true])
    expect(
      createCostModel(document.target.map(({ rows: n, context, ms }) => ({ rows: n, context, ms }))).cheapRows,
    ).toEqual(document.stairs.cheapRows)
    expect(new Set(document.draft.map(({ drafter }) => drafter))).toEqual(new Set(['lookup', 'recycling', 'combined']))
    for (const { ms, levelMs } of document.draft) expect([ms > 0, levelMs]).toEqual([true, null])
    for (const ms of [document.host.treeMs, document.host.plainMs]) expect(ms).toBeGreaterThan(0)
    expect(document.machine.cpu).toMatch(/./)
    expect(document.model.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(document.chains?.map(({ name }) => name.replace(/ \(.*/, ''))).toEqual([
      ...['off', 'chain of 1', 'chain of 2', 'goodput'],
    ])
    expect(document.chains?.[2]?.tau.predicted).toBeCloseTo(2.35)
    expect(document.chains?.[2]?.tau.measured).toBeGreaterThan(1.8)

    const doctor = await cli(['doctor', ...tiny], { env })
    expect(doctor.stdout).toMatch(document.stored ? /^ROWS +128 +1024 +2048 +RATIO/m : /^ROWS +128 +\d+ +RATIO/m)
  })

  it('prints tables and sentences for people, levels of a draft model and of a head among them', async () => {
    const draftModel = await tinyFile({ weightType: 'q4_0' })
    const args = ['cost', ...tiny, '--quick', '--drafters', 'lookup:max-ngram=3', '--draft-model', draftModel]
    args.push('--draft-head', await tinyHeadFile())
    const { code, stdout } = await cli(args, { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ROWS .*RATIO +SPREAD$/m)
    expect(stdout).toMatch(/^ +1 .* 1\.00 .*##$/m)
    expect(stdout).toMatch(/In passes over one row, at 128 tokens: 2 rows cost \d/)
    expect(stdout).toMatch(/(Stairs: the next row is dear after|No stairs)/)
    expect(stdout).toMatch(/(Remembered for budgets|NOT remembered)/)
    expect(stdout).toMatch(/^lookup:max-ngram=3 +16 nodes +\d/m)
    expect(stdout).toMatch(/^model +6 levels of width 4 +\d+\.\d+ +\d+\.\d+ /m)
    expect(stdout).toMatch(/^eagle3 +6 levels of width 4 +\d+\.\d+ +\d+\.\d+ /m)
    expect(stdout).not.toContain('{')
  })

  it('stops on Ctrl-C with 130 and remembers nothing', async () => {
    const own = { HETEROSPEC_CACHE: join(temporaryFolder(), 'cache') }
    const running = startCli(['cost', '--model', inject('modelPath'), '--threads', '1'], { env: own })
    await running.until('stderr', /measuring passes: .* s of /)
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' })
    expect(existsSync(join(own.HETEROSPEC_CACHE, 'costs'))).toBe(false)
  })
})

describe('wrong use of cost', () => {
  it.each([
    [['--synthetic', '1.5'], "expected chances from 0 to 1 for --synthetic, like 0.8,0.6, got '1.5'"],
    [['--synthetic', '0.5,,0.2'], "got '0.5,,0.2'"],
    [['--drafters', 'magic'], 'got the drafter "magic"'],
    [['--drafters', 'lookup/fixed'], "expected a drafter, got 'lookup/fixed'"],
    [['--drafters', 'model'], 'no draft model'],
    [['--drafters', 'eagle3'], 'no draft head in "eagle3"; add --draft-head FILE'],
    [['--quik'], "unknown option '--quik' (did you mean --quick?)"],
  ])('%j ends with 2 and one sentence', async (args, sentence) => {
    const ended = await cli(['cost', ...tiny, ...args], { env })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })

  it('refuses a draft model of another vocabulary before it measures', async () => {
    const ended = await cli(['cost', ...tiny, '--quick', '--quiet', '--draft-model', inject('modelPath')], { env })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected a draft model with the vocabulary of .*\n$/)
  })
})
