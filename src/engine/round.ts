/**
 * The page that explains the project: one round of speculative decoding.
 *
 *   plan     the budget policy says how much to draft, from prices and past acceptance
 *   draft    the drafter grows a tree of guesses below the last emitted token; the policy may stop or prune it
 *   score    one pass of the target reads all guesses at once: its weights travel through memory once, not once per token; several
 *            requests may share it (`shared-passes.ts`)
 *   verify   walk from the root: draw the target's own token, follow it while a child has it; text is what plain decoding gives
 *   commit   keep the cache rows of the accepted path, forget the rest
 *   observe  drafter and policy learn from what the target said
 *
 * New drafters, budgets and verifiers plug in without a change here. A new hook needs two users.
 */
import type { Clock } from '../util/clock.ts'
import type { DraftSession } from '../draft/index.ts'
import { graphsSince, type Sequence } from '../model/index.ts'
import type { BudgetPolicy, RoundContext } from '../policy/index.ts'
import type { Sampler } from '../sample/index.ts'
import { emittedTokens, type Proposal, type RoundOutcome, type TokenId } from '../tree/index.ts'
import type { Verdict, Verifier } from '../verify/index.ts'
import type { Passes } from './pass-types.ts'
import { traceRound } from './trace.ts'
import type { RoundTrace } from './types.ts'

/** What one request carries from round to round. */
export interface RoundState<P extends Proposal = Proposal> {
  readonly sequence: Sequence
  readonly draft: DraftSession<P>
  readonly policy: BudgetPolicy
  readonly sampler: Sampler
  /** Prompt and emitted text; the last token is the root. */
  readonly tokens: readonly TokenId[]
  readonly signal?: AbortSignal | undefined
  /** Round number, room, context and prices, as they stand now. */
  context(): RoundContext
  /** Appends what was emitted, up to the token that ends the text; returns how many tokens that were. */
  append(emitted: readonly TokenId[], verdict: Verdict): number
}

/** Emits one token or more. The text does not depend on drafter, budget or tree: only the speed does. */
export async function decodeRound<P extends Proposal>(
  state: RoundState<P>,
  passes: Passes,
  verifier: Verifier<P>,
  clock: Clock,
): Promise<RoundTrace> {
  const started = clock()
  const graphs = passes.graphs && { ...passes.graphs }
  const context = state.context()
  const budget = state.policy.plan(context)
  const offered = await state.draft.propose({
    tokens: state.tokens,
    budget,
    policy: state.policy,
    signal: state.signal,
  })
  const why = state.policy.explain?.()

  const drafted = clock()
  const chances = state.policy.chances?.(offered.tree)
  const { tree, scores, shared } = await passes.score(
    { sequence: state.sequence, tree: offered.tree },
    { signal: state.signal, chances, draftMs: drafted - started, drafted: budget.nodes > 0 },
  )
  // Where requests share a pass, a tree may get fewer rows than it asked for.
  const proposal = tree === offered.tree ? offered : { ...offered, tree }

  const scored = clock()
  const verdict = verifier.verify(proposal, scores, state.sampler, state.tokens)
  state.sequence.commit(verdict.accepted)
  passes.accepted?.(verdict.accepted.length)

  const outcome: RoundOutcome = {
    tree,
    accepted: verdict.accepted,
    next: verdict.next,
    context: context.context,
    draftMs: (drafted - started) * (shared?.draftShare ?? 1),
    verifyMs: shared?.ownMs ?? scored - drafted,
    ...(context.resting === true && tree.size === 1 && { resting: true }),
  }
  state.draft.observe(outcome, scores)
  state.policy.observe({ ...outcome, hostMs: clock() - scored })
  if (!shared) context.cost.observe(tree.size, context.context, outcome.verifyMs)

  const path = emittedTokens(outcome)
  const emitted = path.slice(0, state.append(path, verdict))
  const counts = passes.graphs && graphs && graphsSince(passes.graphs, graphs)
  const grown = proposal.kind === 'ranked' ? proposal.grown : undefined
  return traceRound({
    ...{ round: context.round, budget, why, outcome, grown, emitted },
    ...{ hostMs: clock() - scored, graphs: counts, requests: shared?.requests },
  })
}
