/**
 * The fair protocol. Every turn of every question is answered by all sides before the next begins, in an order that
 * rotates from turn to turn and turns around after each full circle, so that neither a slow minute nor a neighbour in the
 * order is always the same side's. Before each turn a fixed reference workload tells how fast the machine is just then.
 * Warm-up answers are not counted. Later turns go on from the baseline's answers, for every side alike.
 */
import { createHash } from 'node:crypto'
import { loadavg } from 'node:os'
import { defined } from '../util/assert.ts'
import { throwIfAborted } from '../util/errors.ts'
import { median } from '../util/math.ts'
import { omit } from '../util/omit.ts'
import type { Engine } from '../engine/index.ts'
import { encodeChat, type ChatMessage } from '../text/index.ts'
import type { Checkpoint, FinishedTurn } from './checkpoint.ts'
import { pickSamples } from './samples.ts'
import { answerAll, orderOf } from './turns.ts'
import { BASELINE } from './sides/engine.ts'
import type { BenchDocument, BenchOptions, Difference, Outcome, Question, Row, Side, Task, Turn } from './types.ts'

export interface RunParts {
  readonly engine: Engine
  /** The baseline among them. */
  readonly sides: readonly Side[]
  readonly questions: readonly Question[]
  readonly options: BenchOptions
  readonly checkpoint: Checkpoint
  readonly signal: AbortSignal
  /** Answers given and answers in all, earlier runs included. */
  readonly onProgress: (done: number, total: number) => void
}

/** What came of it, turns in the order of the questions. */
export interface RunResult extends Pick<BenchDocument, 'leftOut' | 'samples'> {
  readonly turns: readonly Turn[]
}

/** Runs what the checkpoint does not hold yet. An abort throws `aborted`; what was finished stays in the checkpoint. */
export async function runTurns(parts: RunParts): Promise<RunResult> {
  const { questions, sides, checkpoint } = parts
  const known = new Map(checkpoint.finished.map((finished) => [keyOf(finished.turn), finished]))
  const total = questions.reduce((sum, { turns }) => sum + turns.length, 0) * sides.length
  const leftOut: RunResult['leftOut'][number][] = []
  const finished: FinishedTurn[] = []
  let asked = 0
  let warm = false
  for (const question of questions) {
    const messages: ChatMessage[] = []
    for (const [index, text] of question.turns.entries()) {
      throwIfAborted(parts.signal)
      messages.push({ role: 'user', content: text })
      const turn = known.get(keyOf({ ...question, turn: index })) ?? (await ask(index, messages, text))
      asked += 1
      parts.onProgress(asked * sides.length, total)
      if (turn === undefined) continue
      finished.push(turn)
      messages.push({ role: 'assistant', content: turn.answer })
    }

    async function ask(index: number, so: readonly ChatMessage[], text: string): Promise<FinishedTurn | undefined> {
      const task = taskOf(parts, so, text)
      if (typeof task === 'string') {
        leftOut.push({ id: question.id, turn: index, reason: task })
        return undefined
      }
      if (!warm) await warmUp(parts, task)
      warm = true
      const done = asked
      const turn = await askAll(parts, { question, index, place: done }, task, (answered) =>
        parts.onProgress(done * sides.length + answered, total),
      )
      checkpoint.add(turn)
      return turn
    }
  }
  return { leftOut, turns: finished.map(({ turn }) => turn), samples: finished.flatMap(({ samples }) => samples) }
}

// ---------------------------------------------------------------------------------------------------------------

const WARM_UP_TOKENS = 24
const REFERENCE = { passes: 7, rows: 1, context: 64 }

function keyOf({ id, category, turn }: Pick<Turn, 'id' | 'category' | 'turn'>): string {
  return JSON.stringify([category, id, turn])
}

/** The task, or a sentence why it cannot be set. */
function taskOf(parts: RunParts, messages: readonly ChatMessage[], text: string): Task | string {
  const { engine, options, signal } = parts
  const { tokenizer, template, context } = engine
  const tokens = template
    ? encodeChat(template, tokenizer, messages)
    : tokenizer.tokenize(messages.map(({ content }) => content).join('\n\n'))
  const needed = tokens.length + options.maxTokens
  if (needed > context) {
    return `expected prompt and answer within ${context} tokens (the context), got ${tokens.length} + ${options.maxTokens}`
  }
  return {
    messages: [...messages],
    tokens,
    lookIn: tokenizer.tokenize(text, { addSpecial: false }),
    maxTokens: options.maxTokens,
    temperature: options.temperature,
    seed: options.seed,
    signal,
  }
}

async function warmUp({ sides, engine }: RunParts, task: Task): Promise<void> {
  for (const side of sides) await side.run({ ...task, maxTokens: Math.min(WARM_UP_TOKENS, task.maxTokens) })
  await referenceMs(engine)
}

/** A few plain passes of the target: what a side's time is mostly made of. */
async function referenceMs({ lab }: Engine): Promise<number> {
  const times: number[] = []
  for (let pass = 0; pass < REFERENCE.passes; pass++) times.push(await lab.timePass(REFERENCE.rows, REFERENCE.context))
  return median(times)
}

async function askAll(
  parts: RunParts,
  { question, index, place }: { readonly question: Question; readonly index: number; readonly place: number },
  task: Task,
  onAnswer: (answered: number) => void,
): Promise<FinishedTurn> {
  const { sides, engine } = parts
  const reference = await referenceMs(engine)
  const load = defined(loadavg()[0])
  const outcomes = await answerAll(orderOf(sides, place, 0), task, place, onAnswer)
  const rows: Row[] = []
  for (const [name, outcome] of outcomes) {
    const side = defined(sides.find(({ info }) => info.name === name))
    const difference = await differenceOf(engine, task, outcome, defined(outcomes.get(side.info.plain)))
    rows.push(rowOf(name, outcome, difference))
  }
  const { id, category, group } = question
  const turn: Turn = {
    ...{ id, category, group, turn: index, promptTokens: task.tokens.length },
    ...{ referenceMs: reference, load, drifted: false, rows },
  }
  return {
    turn,
    answer: defined(outcomes.get(BASELINE)).text,
    samples: index === 0 ? pickSamples(engine.tokenizer, question, outcomes) : [],
  }
}

function rowOf(side: string, outcome: Outcome, difference: Difference | null): Row {
  const { tokens } = outcome
  return {
    side,
    tokens: tokens.length,
    // The first token came with the prompt; the one that ended the answer had to be computed too.
    decoded: Math.max(0, tokens.length + (outcome.ended ? 1 : 0) - 1),
    hash: createHash('sha256').update(Int32Array.from(tokens)).digest('hex').slice(0, 16),
    difference,
    ...omit(outcome, 'tokens', 'text', 'rounds'),
  }
}

/** Null when both are the same, ends included. The gap is asked of our own engine: the weights are the same. */
async function differenceOf(engine: Engine, task: Task, outcome: Outcome, plain: Outcome): Promise<Difference | null> {
  const length = Math.min(outcome.tokens.length, plain.tokens.length)
  let position = 0
  while (position < length && outcome.tokens[position] === plain.tokens[position]) position++
  const same = position === length && outcome.tokens.length === plain.tokens.length && outcome.ended === plain.ended
  if (same) return null
  const { gap } = await engine.lab.choose([...task.tokens, ...plain.tokens.slice(0, position)])
  return { position, gap }
}
