/** Rounds of speculation as metrics. */
import type { RoundTrace } from '../../engine/index.ts'
import type { Makers } from './makers.ts'

/** The four counters that vLLM and llama-server agree on. A position is a depth of the tree, from 0. */
export function speculationCounters(make: Makers): (trace: RoundTrace) => void {
  const drafts = make.counter('spec_decode_num_drafts_total', 'Rounds that drafted.')
  const drafted = make.counter('spec_decode_num_draft_tokens_total', 'Drafted tokens, all nodes of trees.')
  const accepted = make.counter('spec_decode_num_accepted_tokens_total', 'Drafted tokens that were accepted.')
  const help = 'Rounds that accepted a drafted token at this depth.'
  const byPosition = make.counter('spec_decode_num_accepted_tokens_per_pos_total', help, ['position'])
  return (trace) => {
    if (trace.drafted === 0) return
    drafts.inc()
    drafted.inc(trace.drafted)
    accepted.inc(trace.accepted)
    for (let position = 0; position < trace.accepted; position++) byPosition.inc({ position: String(position) })
  }
}

/** What only trees have. */
export function treeMetrics(make: Makers): (trace: RoundTrace) => void {
  const nodes = make.histogram('spec_tree_nodes', 'Drafted nodes of a round.', powers)
  const depth = make.histogram('spec_tree_depth', 'Levels of a round’s tree.', powers)
  const length = make.histogram('spec_accepted_length', 'Tokens of a round, its own included.', powers)
  const modes = make.counter('spec_mode_total', 'Rounds by what was drafted.', ['mode'])
  for (const mode of ['off', 'chain', 'tree']) modes.inc({ mode }, 0)
  const requests = make.histogram('pass_requests', 'Requests that shared the pass of a round.', powers)
  const passes = make.counter('passes_total', 'Passes of the model that wrote.')
  const draftTime = make.counter('spec_draft_seconds_total', 'Time of drafting.')
  const verifyTime = make.counter('spec_verify_seconds_total', 'Time of the model’s passes.')
  return (trace) => {
    const { parents } = trace.tree
    const depths: number[] = []
    for (const parent of parents) depths.push(parent < 0 ? 0 : (depths[parent] ?? 0) + 1)
    const deepest = Math.max(0, ...depths)
    nodes.observe(trace.drafted)
    depth.observe(deepest)
    length.observe(trace.emitted.length)
    modes.inc({ mode: trace.drafted === 0 ? 'off' : deepest === trace.drafted ? 'chain' : 'tree' })
    draftTime.inc(trace.draftMs / 1000)
    requests.observe(trace.requests ?? 1)
    passes.inc(1 / (trace.requests ?? 1))
    verifyTime.inc(trace.targetMs / 1000)
  }
}

// ---------------------------------------------------------------------------------------------------------------

const powers = [0, 1, 2, 4, 8, 16, 32, 64, 128]
