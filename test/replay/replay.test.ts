import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decisionsOf, replay, type Recording } from './recording.ts'

const recordings = JSON.parse(readFileSync(new URL('goodput.json', import.meta.url), 'utf8')) as Recording[]

describe('recorded rounds', () => {
  it.each(recordings)('of $name lead to the same budgets', (recording) => {
    expect(replay(recording)).toEqual(decisionsOf(recording))
  })

  it('are worth replaying: they hold plain rounds, small budgets and large ones', () => {
    const budgets = recordings.flatMap(({ rounds }) =>
      rounds.map(({ plan, revisions }) => revisions.at(-1)?.budget ?? plan),
    )
    const nodes = new Set(budgets.map((budget) => budget[2]))
    expect(nodes).toContain(0)
    expect(nodes.size).toBeGreaterThan(4)
  })
})
