import { describe, expect, it } from 'vitest'
import type { GenerateResult, RoundTrace } from '../engine/index.ts'
import { explanationLine, resultDocument, statisticsLine } from './statistics.ts'

const result: GenerateResult = {
  text: 'Paris.',
  tokens: [42, 7],
  finishReason: 'stop',
  seed: undefined,
  timings: {
    prompt_n: 12,
    prompt_ms: 60,
    prompt_per_second: 200,
    predicted_n: 2,
    predicted_ms: 30,
    predicted_per_second: 66.666,
    cache_n: 0,
    draft_n: 4,
    draft_n_accepted: 1,
    first_token_ms: 61.4,
  },
  speculation: {
    drafter: 'lookup',
    budget: 'goodput',
    lossless: true,
    rounds: 1,
    drafted: 4,
    accepted: 1,
    tau: 2,
    acceptanceRate: 0.25,
    acceptanceByDepth: [1],
    draftMs: 1,
    targetMs: 28,
    hostMs: 1,
  },
}

describe('statisticsLine', () => {
  it('says speed, tau, acceptance, rounds and the time to the first token', () => {
    const line = statisticsLine(result)
    expect(line).toBe(
      '[2 tokens, 66.7 tokens/s, tau 2.00, acceptance 25 % (1 of 4), 1 round, first token 61 ms, ' +
        'prompt 12 tokens at 200 tokens/s, lookup + goodput]',
    )
  })

  it('marks an answer that was interrupted, and names reused prompt tokens', () => {
    const line = statisticsLine({ ...result, finishReason: 'aborted', timings: { ...result.timings, cache_n: 5 } })
    expect(line).toMatch(/^\[interrupted: 2 tokens/)
    expect(line).toContain('5 from the cache')
  })
})

describe('resultDocument', () => {
  it('is one line with the names that scripts rely on', () => {
    const document = resultDocument({ ...result, text: 'two\nlines' })
    expect(document).not.toContain('\n')
    const parsed = JSON.parse(document) as object
    expect(Object.keys(parsed)).toEqual(['text', 'tokens', 'finishReason', 'seed', 'timings', 'speculation'])
  })
})

describe('explanationLine', () => {
  const trace: RoundTrace = {
    ...{ round: 7, context: 40, drafted: 21, accepted: 9, emitted: [1], draftMs: 1, targetMs: 2, hostMs: 0 },
    budget: { depth: 12, width: 10, nodes: 61 },
    tree: { tokens: [], parents: [], logProbs: [], sources: [], acceptedPath: [] },
  }

  it('gives the reasons of the policy, and what came of it', () => {
    const why = { entropy: 1.84, bin: 0, draftPrice: 0.3 }
    expect(explanationLine({ ...trace, why })).toBe('round 7: entropy 1.84, bin 0, draft price 0.3: 9 of 21 accepted')
    expect(explanationLine({ ...trace, drafted: 0, accepted: 0 })).toBe('round 7: decoded plainly')
  })
})
