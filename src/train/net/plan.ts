/**
 * Which rows of a batch are computed. A lesson is a position p whose next token the target wrote; step s teaches it to row
 * p - 1 - s. Rows without lessons are needed as keys and values of step 0 only, so everything else is computed for the others.
 */
import { defined } from '../../util/assert.ts'
import type { TrainingBatch } from '../types.ts'

/** Sizes of a graph: batches of equal sizes share one. */
export interface PlanSizes {
  readonly texts: number
  /** Positions of a text, padded to whole vectors. */
  readonly length: number
  /** Computed rows of each text, padded likewise. */
  readonly rows: number
  /** Lessons of all texts, padded likewise. */
  readonly lessons: number
}

/** One lesson at one unrolled step. */
export interface Plan {
  readonly sizes: PlanSizes
  /** [texts * rows]: computed rows as index into [texts, length]; padding repeats row 0 of its text. */
  readonly rows: Int32Array
  /** [lessons]: position as index into [texts, length]; padding repeats 0. */
  readonly positions: Int32Array
  /** Draft id that the target finds likeliest there, by lesson. */
  readonly wanted: Int32Array
  /** Lessons without padding. */
  readonly lessons: number
  readonly steps: readonly PlanStep[]
}

export interface PlanStep {
  /** [lessons]: which computed row learns the lesson; 0 where there is none. */
  readonly rows: Int32Array
  /** [lessons]: 1 where a row learns the lesson. */
  readonly counts: Uint8Array
  /** Rows that learn. */
  readonly lessons: number
  /** Rows with an answer, those without coverage included. */
  readonly answers: number
}

/** Widest vector of the matrix products in numbers. */
const VECTOR = 16

/** Rounds up to whole vectors. */
export function roundUp(count: number, multiple = VECTOR): number {
  return Math.ceil(count / multiple) * multiple
}

/** `draftIdOf` gives the draft id of a token, -1 when it cannot be drafted. */
export function planBatch(batch: TrainingBatch, unroll: number, draftIdOf: (token: number) => number): Plan {
  const length = roundUp(batch.length)
  const found = findLessons(batch, unroll, draftIdOf)
  const needed = Array.from({ length: batch.texts }, () => new Set<number>())
  for (const { text, position } of found.lessons) {
    for (let row = Math.max(0, position - unroll); row < position; row++) defined(needed[text]).add(row)
  }
  const most = Math.max(1, ...needed.map((rows) => rows.size))
  // Few different sizes: each has a graph of its own.
  const rows = Math.min(length, roundUp(most, roundUp(length / 8)))
  const lessons = roundUp(Math.max(1, found.lessons.length), roundUp((batch.texts * length) / 16))
  const sizes: PlanSizes = { texts: batch.texts, length, rows, lessons }
  const computed = new Int32Array(batch.texts * rows)
  const places = new Map<number, number>()
  needed.forEach((set, text) => {
    computed.fill(text * length, text * rows, (text + 1) * rows)
    ;[...set]
      .sort((a, b) => a - b)
      .forEach((row, index) => {
        computed[text * rows + index] = text * length + row
        places.set(text * length + row, text * rows + index)
      })
  })
  const positions = new Int32Array(lessons)
  found.lessons.forEach(({ text, position }, index) => (positions[index] = text * length + position))
  return {
    sizes,
    rows: computed,
    positions,
    wanted: Int32Array.from(found.lessons, ({ wanted }) => wanted),
    lessons: found.lessons.length,
    steps: Array.from({ length: unroll }, (_, step) => {
      const row = new Int32Array(lessons)
      const counts = new Uint8Array(lessons)
      found.lessons.forEach(({ text, position }, index) => {
        if (position - 1 - step < 0) return
        row[index] = defined(places.get(text * length + position - 1 - step))
        counts[index] = 1
      })
      return {
        rows: row,
        counts,
        lessons: counts.reduce((sum, count) => sum + count, 0),
        answers: found.answers[step] ?? 0,
      }
    }),
  }
}

interface Lesson {
  readonly text: number
  readonly position: number
  readonly wanted: number
}

function findLessons(
  batch: TrainingBatch,
  unroll: number,
  draftIdOf: (token: number) => number,
): { lessons: Lesson[]; answers: number[] } {
  const { texts, length, tokens, answered, best } = batch
  const lessons: Lesson[] = []
  const answers = new Array<number>(unroll).fill(0)
  for (let text = 0; text < texts; text++) {
    for (let position = 1; position + 1 < length; position++) {
      const at = text * length + position
      if (answered[at + 1] !== 1) continue
      for (let step = 0; step < unroll && step < position; step++) answers[step] = (answers[step] as number) + 1
      const wanted = draftIdOf((best ? best[at] : tokens[at + 1]) as number)
      if (wanted >= 0) lessons.push({ text, position, wanted })
    }
  }
  return { lessons, answers }
}
