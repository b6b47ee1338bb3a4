/** Runs the real round over fakes: prompt in, tokens and traces out. No text, no stop tokens, no clock. */
import { decodeRound } from '../../src/engine/round.ts'
import { createSampler, type SampleOptions } from '../../src/sample/index.ts'
import { walk } from '../../src/verify/index.ts'
import { defined } from '../../src/util/assert.ts'
import { ManualClock } from '../../src/util/clock.ts'
import type { Drafter, DraftRound } from '../../src/draft/index.ts'
import type { TargetModel } from '../../src/model/index.ts'
import type { BudgetPolicy, CostModel } from '../../src/policy/index.ts'
import type { Proposal, TokenId } from '../../src/tree/index.ts'
import type { RoundTrace } from '../../src/engine/types.ts'
import type { TableModel } from './table-model.ts'

/** A pass costs 1 ms and each further row a tenth of that. */
const cheapRowsCost: CostModel = {
  targetMs: (rows) => 0.9 + 0.1 * rows,
  cheapRows: [1, 2, 4, 8, 16, 32],
  observe: () => undefined,
}

export interface RunOptions<Target extends TargetModel = TargetModel> {
  readonly target: Target
  readonly drafter: Drafter
  readonly policy: BudgetPolicy
  readonly prompt: readonly TokenId[]
  /** Tokens to emit at most. */
  readonly count: number
  readonly sample?: SampleOptions | undefined
  readonly capacity?: number
  /** Sees every proposal and the request it answers. */
  readonly onProposal?: (round: DraftRound, proposal: Proposal) => void
}

export interface RunResult {
  /** Emitted tokens, the one after the prompt included. */
  readonly tokens: readonly TokenId[]
  readonly traces: readonly RoundTrace[]
}

/** What plain decoding emits, straight from the table. */
export function plainText({
  target,
  prompt,
  count,
  sample = {},
}: Omit<RunOptions<TableModel>, 'drafter' | 'policy'>): TokenId[] {
  const sampler = createSampler(sample)
  const text = [...prompt]
  for (let i = 0; i < count; i++) text.push(sampler.draw(target.next(text), text, text.length))
  return text.slice(prompt.length)
}

/** Emits `count` tokens, fewer when the context ends. */
export async function runRounds(options: RunOptions): Promise<RunResult> {
  const { target, drafter, policy, prompt, count } = options
  const sampler = createSampler(options.sample ?? {})
  using sequence = target.open(options.capacity === undefined ? {} : { capacity: options.capacity })
  sequence.tap(drafter.needs.taps ?? [])
  using heard = drafter.listen?.(prompt)
  const scores = await sequence.prefill(prompt, {
    onFeatures: (first, rows) => heard?.hear(first, rows),
    wanted: (index) => drafter.wantsPromptRow?.(prompt, index) ?? false,
    onRows: (rows) => drafter.observePrompt?.(rows),
  })
  const tokens = [...prompt, sampler.draw(scores.logits(0), prompt, prompt.length)]
  using draft = drafter.open(tokens, heard)
  const traces: RoundTrace[] = []
  const room = (): number =>
    Math.max(0, Math.min(sequence.capacity - sequence.length - 1, count - (tokens.length - prompt.length) - 1))
  const state = {
    sequence,
    policy,
    sampler,
    tokens,
    draft: {
      propose: async (round: DraftRound) => {
        const proposal = await draft.propose(round)
        options.onProposal?.(round, proposal)
        return proposal
      },
      observe: draft.observe.bind(draft),
      [Symbol.dispose]: () => undefined,
    },
    context: () => ({ round: traces.length, room: room(), context: sequence.length, batch: 1, cost: cheapRowsCost }),
    append: (emitted: readonly TokenId[]) => tokens.push(...emitted) && emitted.length,
  }
  while (tokens.length - prompt.length < count && sequence.length < sequence.capacity) {
    traces.push(await decodeRound(state, ownPasses(target), walk, new ManualClock().now))
  }
  return { tokens: tokens.slice(prompt.length), traces }
}

/** A pass for each tree. */
function ownPasses(target: TargetModel): Parameters<typeof decodeRound>[1] {
  return { score: async (item) => ({ tree: item.tree, scores: defined((await target.score([item]))[0]) }) }
}

/** Tokens emitted per round. */
export function acceptanceLength(traces: readonly RoundTrace[]): number {
  return traces.reduce((sum, trace) => sum + trace.emitted.length, 0) / traces.length
}
