/**
 * Who answers when. Sides that can stop between passes take turns within one answer, a few tokens each: the machine's
 * speed wanders within seconds, and so they meet the same weather at the same place of the text. The others answer as a
 * whole, before or after. Every slice has an order of its own: who runs after another engine finds the processor's caches
 * full of the other's weights, and that must not always be the same one.
 */
import { DisposeStack } from '../util/dispose.ts'
import { throwIfAborted } from '../util/errors.ts'
import { uniformAt } from '../util/rng.ts'
import type { Answer, Outcome, Side, Task } from './types.ts'

/** Tokens of a slice: some 40 ms of the default model. Shorter ones would measure how warm the caches are. */
const SLICE_TOKENS = 8

/** All sides in the order of slice `slice` of question `place`: any order is as likely as any other, and the same again. */
export function orderOf<Item>(sides: readonly Item[], place: number, slice: number): Item[] {
  const keys = sides.map((side, index) => ({ side, key: uniformAt(place, slice * sides.length + index) }))
  return keys.sort((a, b) => a.key - b.key).map(({ side }) => side)
}

/** Outcomes by name. */
export async function answerAll(
  order: readonly Side[],
  task: Task,
  place: number,
  onAnswer: (answered: number) => void,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  const done = (side: Side, outcome: Outcome): void => {
    outcomes.set(side.info.name, outcome)
    onAnswer(outcomes.size)
  }
  const sliced = order.filter(canStop)
  const whole = order.filter((side) => !canStop(side))
  if (place % 2 === 0) await answerInSlices(sliced, task, place, done)
  for (const side of whole) {
    throwIfAborted(task.signal)
    done(side, await side.run(task))
  }
  if (place % 2 === 1) await answerInSlices(sliced, task, place, done)
  return outcomes
}

// ---------------------------------------------------------------------------------------------------------------

type Stopping = Side & Required<Pick<Side, 'start'>>

function canStop(side: Side): side is Stopping {
  return side.start !== undefined
}

async function answerInSlices(
  sides: readonly Stopping[],
  task: Task,
  place: number,
  done: (side: Side, outcome: Outcome) => void,
): Promise<void> {
  await using lives = new DisposeStack()
  let open: { readonly side: Side; readonly answer: Answer }[] = []
  for (const side of sides) open.push({ side, answer: lives.use(await side.start(task)) })
  for (let slice = 1; open.length > 0; slice++) {
    const ended = new Set<Answer>()
    for (const { side, answer } of orderOf(open, place, slice)) {
      if (!(await answer.advance(1 + slice * SLICE_TOKENS))) continue
      ended.add(answer)
      done(side, answer.outcome())
    }
    open = open.filter(({ answer }) => !ended.has(answer))
  }
}
