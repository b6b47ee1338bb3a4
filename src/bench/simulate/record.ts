/**
 * Records what a drafter would have proposed at every place of plain answers: a large tree, of which nothing is accepted,
 * so that no place is skipped and any budget can be judged by it later. The drafter learns from every token.
 *
 * What differs from real speculation: drafters that learn from the scores of verified nodes (recycling) are given those of
 * a few wrong nodes of every place, whatever a budget would have verified there, and also at places that it would have
 * skipped.
 */
import { defined } from '../../util/assert.ts'
import { throwIfAborted, UsageError } from '../../util/errors.ts'
import type { Drafter, DraftRound, DraftSession, PromptListener } from '../../draft/index.ts'
import type { Engine, SpeculativeOptions } from '../../engine/index.ts'
import { encodeChat } from '../../text/index.ts'
import { bestTokens, pruneTree, type NodeId, type RoundOutcome, type Scores, type TokenTree } from '../../tree/index.ts'
import { plainTree, sixDigits, Witness } from './witness.ts'
import type { Question } from '../types.ts'
import type { RecordedPlace, RecordedQuestion, TreeLimits } from './types.ts'

export interface RecordSetup {
  readonly engine: Engine
  readonly drafter: Exclude<SpeculativeOptions, string | false>['drafter']
  readonly questions: readonly Question[]
  readonly maxTokens: number
  readonly tree: TreeLimits
  /** Nodes that are scored at every place, for drafters that learn from them. */
  readonly scored: number
  readonly signal: AbortSignal
  /** Takes the lines in order. */
  readonly write: (line: RecordedQuestion | RecordedPlace) => void
  readonly onProgress: (done: number, total: number) => void
}

/** What came of it. */
export interface Recorded {
  readonly places: number
  /** Questions that do not fit the context, each with a sentence. */
  readonly leftOut: readonly { readonly id: number | string; readonly reason: string }[]
}

/** First turns only. Throws `aborted`; what was written until then is a whole recording. */
export async function recordAnswers(setup: RecordSetup): Promise<Recorded> {
  const { engine, questions, maxTokens, signal } = setup
  const leftOut: Recorded['leftOut'][number][] = []
  let places = 0
  const total = questions.length * maxTokens
  for (const [index, question] of questions.entries()) {
    throwIfAborted(signal)
    const prompt = promptOf(engine, question)
    const fits = prompt.length + maxTokens <= engine.context
    const done = index * maxTokens
    if (fits) places += await recordAnswer(setup, question, prompt, (at) => setup.onProgress(done + at, total))
    else {
      const reason = `expected prompt and answer within ${engine.context} tokens (the context), got ${prompt.length} + ${maxTokens}`
      leftOut.push({ id: question.id, reason })
    }
    setup.onProgress(done + maxTokens, total)
  }
  return { places, leftOut }
}

/** The first turn as tokens, chat template included. */
function promptOf({ template, tokenizer }: Engine, { turns }: Question): number[] {
  const text = defined(turns[0])
  return template ? encodeChat(template, tokenizer, [{ role: 'user', content: text }]) : tokenizer.tokenize(text)
}

/**
 * One answer to a prompt that fits the context: a line for the question, then one per place, each as soon as it is known.
 * Returns the places. Throws `aborted`.
 */
export async function recordAnswer(
  setup: Omit<RecordSetup, 'questions' | 'onProgress'>,
  question: Pick<Question, 'id' | 'category' | 'group'>,
  prompt: readonly number[],
  onPlace: (places: number) => void,
): Promise<number> {
  const { engine, maxTokens, signal, write } = setup
  const { id, category, group } = question
  // Each question starts from nothing, as in a benchmark: its prediction must not depend on the others.
  await engine.lab.forget()
  const inner = await engine.lab.drafter({ drafter: setup.drafter, budget: { policy: 'fixed' } })
  const drafter = new Recorder(defined(inner, 'a drafter'), setup)
  const request = {
    prompt: Int32Array.from(prompt),
    maxTokens,
    cachePrompt: false,
    signal,
    speculative: 'off',
  } as const
  let places = 0
  for await (const event of engine.lab.generate(request, { drafter, acceptNothing: true })) {
    if (event.type === 'done' && event.finishReason === 'aborted') {
      throw new UsageError('aborted', 'the work was stopped by its abort signal', { cause: signal.reason })
    }
    if (event.type !== 'round') continue
    const seen = defined(drafter.seen, 'a proposal')
    const { context, emitted } = event.trace
    if (places++ === 0) {
      write({ question: id, category, group, prompt, first: defined(seen.tree.tokens[0]), room: maxTokens - 1 })
    }
    write({ context, ...seen, next: defined(emitted[0]) })
    onPlace(places)
  }
  return places
}

// ---------------------------------------------------------------------------------------------------------------

/** What a drafter proposed at one place. */
type Seen = Pick<RecordedPlace, 'tree' | 'levels' | 'draftMs'>

/** Lets another drafter propose as much as it can, keeps that, and drafts nothing. */
class Recorder implements Drafter {
  readonly method: string
  readonly sources: readonly string[]
  readonly needs: Drafter['needs']
  /** Only where the inner drafter listens. */
  readonly listen?: NonNullable<Drafter['listen']>
  seen: Seen | undefined
  readonly #inner: Drafter
  readonly #limits: TreeLimits
  readonly #scored: number

  constructor(inner: Drafter, { tree, scored }: Pick<RecordSetup, 'tree' | 'scored'>) {
    this.#inner = inner
    this.#limits = tree
    this.#scored = scored
    this.method = inner.method
    this.sources = inner.sources
    this.needs = inner.needs
    if (inner.listen) this.listen = inner.listen.bind(inner)
  }

  wantsPromptRow(...args: Parameters<NonNullable<Drafter['wantsPromptRow']>>): boolean {
    return this.#inner.wantsPromptRow?.(...args) ?? false
  }

  observePrompt(...args: Parameters<NonNullable<Drafter['observePrompt']>>): void {
    this.#inner.observePrompt?.(...args)
  }

  open(prompt: readonly number[], heard?: PromptListener): DraftSession {
    const session = this.#inner.open(prompt, heard)
    return {
      propose: async (round) => {
        const { seen, tree } = await this.#watch(session, round)
        this.seen = seen
        return pruneTree(tree, this.#scored)
      },
      observe: (outcome, scores) => session.observe(...withoutFuture(outcome, scores)),
      [Symbol.dispose]: () => session[Symbol.dispose](),
    }
  }

  /** The inner drafter belongs to the engine. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  async #watch(session: DraftSession, round: DraftRound): Promise<{ readonly seen: Seen; readonly tree: TokenTree }> {
    const witness = new Witness()
    const { nodes, depth, width } = this.#limits
    const started = performance.now()
    const { tree } = await session.propose({ ...round, budget: { nodes, depth, width }, policy: witness })
    const draftMs = performance.now() - started
    const { levels } = witness
    // A tree that grew is kept whole: its levels speak of nodes by number.
    const seen = {
      tree: levels.length > 0 ? witness.tree : plainTree(tree),
      ...(levels.length > 0 ? { levels } : {}),
      draftMs: sixDigits(draftMs),
    }
    return { seen, tree }
  }
}

/**
 * Real rounds accept the true child and go on behind it; here the next round stands at it. What was scored below it would
 * tell the drafter the future, so it is not shown.
 */
function withoutFuture(outcome: RoundOutcome, scores: Scores): [RoundOutcome, Scores] {
  const { tree, next } = outcome
  const foreseen = tree.child(0, next)
  if (foreseen < 0) return [outcome, scores]
  const kept: NodeId[] = [0]
  for (let node = 1; node < tree.size; node++) {
    if (node !== foreseen && kept.includes(defined(tree.parents[node]))) kept.push(node)
  }
  const original = (node: NodeId): NodeId => defined(kept[node])
  const shown: Scores = {
    logits: (node) => scores.logits(original(node)),
    features: (node) => scores.features(original(node)),
    top: (node, count) => bestTokens(scores, original(node), count),
  }
  return [{ ...outcome, tree: tree.keep(kept) }, shown]
}
