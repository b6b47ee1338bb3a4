/** For each row about speculation: the same request with drafts and without, and what must be the same. */
import { expect } from 'vitest'
import type { Body } from '../open.ts'
import type { World } from './world.ts'

const schema = { type: 'object', properties: { a: { enum: ['red', 'blue'] } }, required: ['a'] }
const tools = [{ type: 'function', function: { name: 'paint', parameters: schema } }]
const tree = { method: 'combined', budget: { policy: 'fixed', depth: 4, width: 3, nodes: 10 } }

/** By the first cell of the row. */
export const promises: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'greedy text': same({}),
  '`seed`': same({ temperature: 1.5, seed: 7 }),
  '`n`': same({ temperature: 1.5, seed: 7, n: 3 }),
  '`stop`': same({ stop: ['e', 'zz'] }),
  '`logprobs`': same({ logprobs: true, top_logprobs: 3 }),
  penalties: same({ frequency_penalty: 0.5, presence_penalty: 0.3, repeat_penalty: 1.2 }),
  '`min_p`': same({ temperature: 1.5, seed: 7, min_p: 0.05 }),
  '`logit_bias`': same({ logit_bias: { 50: 4, 60: null } }),
  '`response_format`': same({ response_format: { type: 'json_schema', json_schema: { schema } }, max_tokens: 40 }),
  '`tools`': same({ tools, tool_choice: 'required', parallel_tool_calls: false, max_tokens: 60 }),
  '`"speculative": false`': async ({ chat }) =>
    expect((await chat({ speculative: false })).timings).not.toHaveProperty('draft_n'),
  '`usage` and `timings`': async ({ chat }) => {
    const drafted = await chat({ speculative: tree, speculative_metrics: 'summary' })
    const { draft_n: drafts = 0, draft_n_accepted: accepted = -1, predicted_n: predicted } = drafted.timings
    expect(drafts).toBeGreaterThan(0)
    expect(accepted).toBeLessThanOrEqual(drafts)
    expect(drafted.usage?.completion_tokens).toBe(predicted)
    expect(drafted.metrics?.speculative_decoding).toMatchObject({
      num_draft_tokens: drafts,
      num_accepted_draft_tokens: accepted,
      tree: { drafter: 'combined' },
    })
  },
}

// ---------------------------------------------------------------------------------------------------------------

function same(fields: object): (world: World) => Promise<void> {
  return async ({ chat }) => {
    const drafted = await chat({ ...fields, speculative: tree })
    expect(drafted.timings['draft_n']).toBeGreaterThan(0)
    expect(toldBy(drafted)).toEqual(toldBy(await chat({ ...fields, speculative: false })))
  }
}

/** All but the names of calls, which are drawn anew. */
function toldBy({ choices, usage }: Body): unknown {
  const told = JSON.stringify(choices, (key, value: unknown) => (key === 'id' ? undefined : value))
  return { told, tokens: usage?.completion_tokens }
}
