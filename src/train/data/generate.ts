/**
 * Many conversations at the same time, one pass for the next token of all of them: the weights are read once for all.
 * New conversations are read in chunks in the same passes. A conversation's tokens depend on its number and the options
 * alone, not on who else is in the pass: rows are independent of each other bit for bit.
 */
import { defined } from '../../util/assert.ts'
import { throwIfAborted } from '../../util/errors.ts'
import { topK } from '../../util/topk.ts'
import type { ScoreItem, Sequence, TargetModel } from '../../model/index.ts'
import { chainTree, type Scores, type TokenId } from '../../tree/index.ts'
import { Conversation, type Rules } from './conversation.ts'
import type { Start } from './starts.ts'
import type { DataLine, DropReason } from './types.ts'

export interface GenerateSettings {
  readonly model: TargetModel
  readonly rules: Rules
  /** Conversations at the same time. */
  readonly sequences: number
  /** Draws are among so many of the likeliest tokens. */
  readonly candidates: number
  /** The next conversation to be had; undefined when there are no more. */
  readonly next: () => Start | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after every pass with the tokens that were drawn in it, and those of answers under way. */
  readonly onPass?: ((drawn: number) => void) | undefined
}

/** What came of the conversation `start`. */
export interface Finished {
  readonly start: Start
  readonly result: DataLine | { readonly dropped: DropReason }
  readonly generated: number
}

/** Prompt tokens read in one pass, of all conversations together. */
const PROMPT_ROWS = 64
/** Rows of a pass are rounded down to a multiple of this while prompts can wait: every other number wants a graph of its own. */
const ROW_STEP = 8

/** Conversations in the order in which they end. Throws `aborted`. */
export async function* generateTexts(settings: GenerateSettings): AsyncGenerator<Finished, void, undefined> {
  const { model, rules, signal } = settings
  const lanes: Lane[] = []
  try {
    for (let lane = 0; lane < settings.sequences; lane++) {
      lanes.push({ sequence: model.open({ capacity: rules.context }), cached: [], current: undefined })
    }
    for (;;) {
      throwIfAborted(signal)
      for (const lane of lanes) yield* refill(lane, settings)
      const running = lanes.filter(({ current }) => current !== undefined)
      if (running.length === 0) return
      const drawn = await pass(model, running, settings.candidates)
      settings.onPass?.(drawn)
    }
  } finally {
    for (const { sequence } of lanes) sequence[Symbol.dispose]()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Place of one conversation at a time. */
interface Lane {
  readonly sequence: Sequence
  /** The tokens that the sequence holds. */
  cached: TokenId[]
  current: { readonly start: Start; readonly conversation: Conversation } | undefined
}

/** Takes out what has ended and puts in the next; some end before their first token. */
function* refill(lane: Lane, { rules, next }: GenerateSettings): Generator<Finished, void, undefined> {
  while (lane.current?.conversation.ended !== false) {
    if (lane.current) {
      const { start, conversation } = lane.current
      lane.current = undefined
      yield { start, result: conversation.result(), generated: conversation.generated }
    }
    const start = next()
    if (!start) return
    lane.current = { start, conversation: new Conversation(rules, start) }
  }
}

interface Part extends ScoreItem {
  readonly lane: Lane
  readonly chunk: readonly TokenId[]
  /** The chunk ends with the conversation's last token, whose successor is wanted. */
  readonly complete: boolean
}

/** One pass; returns how many tokens were drawn. */
async function pass(model: TargetModel, lanes: readonly Lane[], candidates: number): Promise<number> {
  const parts = layOut(lanes)
  const scores = await model.score(parts)
  let drawn = 0
  parts.forEach(({ lane, chunk, complete }, index) => {
    const last = chunk.length - 1
    if (complete) {
      defined(lane.current).conversation.take(best(defined(scores[index]), last, candidates))
      drawn++
    }
    lane.sequence.commit(chunk.slice(1).map((_, before) => before + 1))
    lane.cached.push(...chunk)
  })
  return drawn
}

/** What each lane reads: its last token, or as much of its prompt as fits beside the others. */
function layOut(lanes: readonly Lane[]): Part[] {
  const pending = lanes.map((lane) => ({ lane, unread: unreadOf(lane) }))
  const steps = pending.filter(({ unread }) => unread.length === 1).length
  const prompts = pending.reduce((sum, { unread }) => sum + (unread.length > 1 ? unread.length : 0), 0)
  const rows = steps + Math.min(prompts, PROMPT_ROWS)
  const rounded = rows - (rows % ROW_STEP)
  let room = (rounded > steps ? rounded : rows) - steps
  return pending.flatMap(({ lane, unread }) => {
    const chunk = unread.length === 1 ? unread : unread.slice(0, room)
    if (unread.length > 1) room -= chunk.length
    if (chunk.length === 0) return []
    const complete = chunk.length === unread.length
    const outputs = complete ? [chunk.length - 1] : []
    return [{ lane, chunk, complete, sequence: lane.sequence, tree: chainTree(chunk), outputs }]
  })
}

/** What the cache does not hold; what it holds of an earlier conversation, the system message say, is not read again. */
function unreadOf(lane: Lane): readonly TokenId[] {
  const { tokens } = defined(lane.current).conversation
  const { cached, sequence } = lane
  let same = 0
  while (same < cached.length && same < tokens.length - 1 && cached[same] === tokens[same]) same++
  if (same < cached.length) {
    cached.length = same
    sequence.truncate(same)
  }
  return tokens.slice(cached.length)
}

function best(scores: Scores, node: number, count: number): ReturnType<typeof topK> {
  return scores.top?.(node, count) ?? topK(scores.logits(node), count)
}
