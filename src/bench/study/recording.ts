/**
 * The recording that all studies of a drafter share, in the cache: made once, question by question, each written down as a
 * whole, so that an interrupted one goes on where it stopped. A blank line ends a question. Its name depends on
 * everything that the rounds depend on.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defined } from '../../util/assert.ts'
import { DisposeStack } from '../../util/dispose.ts'
import { UsageError } from '../../util/errors.ts'
import { omit } from '../../util/omit.ts'
import { takePidLock } from '../../util/pid-lock.ts'
import type { Engine } from '../../engine/index.ts'
import type { PricedDrafter } from '../cost/draft.ts'
import { collectProvenance } from '../provenance.ts'
import { readSource } from '../simulate/file.ts'
import { recordingHeader } from '../simulate/header.ts'
import { recordAnswers } from '../simulate/record.ts'
import type { RecordedPlace, RecordedQuestion, Recording, TreeLimits } from '../simulate/types.ts'
import type { Question } from '../types.ts'

export interface StudyRecordingSetup {
  readonly engine: Engine
  readonly model: { readonly name: string; readonly path: string }
  readonly draftModels: readonly string[]
  readonly drafter: PricedDrafter
  readonly judged: readonly Question[]
  /** Others, from which bins and policies learn. */
  readonly calibration: readonly Question[]
  readonly maxTokens: number
  readonly width: number
  /** Whether drafters that hand over their trees in one go will do. */
  readonly anyDrafter?: boolean | undefined
  readonly command: string
  readonly cacheDir: string
  /** Forget what earlier studies have recorded. */
  readonly fresh: boolean
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
  /** Called once when something is there already: its questions. */
  readonly onResume: (questions: number) => void
}

/** A recording and its file. */
export interface StudyRecording {
  readonly recording: Recording
  readonly file: string
  readonly leftOut: readonly { readonly id: number | string; readonly reason: string }[]
}

/** Finds it or makes it. Throws `aborted` (the same call goes on from there), `busy`, `output-failed`. */
export async function studyRecording(setup: StudyRecordingSetup): Promise<StudyRecording> {
  const { engine, drafter, cacheDir, fresh } = setup
  const { threads, context, lab } = engine
  const made = await collectProvenance({ ...setup, threads, context })
  const tree = { ...MOST, width: setup.width }
  const identity = {
    ...omit(made, 'command', 'date'),
    ...{
      cost: lab.identity,
      drafter: omit({ path: '', ...drafter.drafter }, 'path'),
      tree,
      maxTokens: setup.maxTokens,
    },
    ...{ judged: setup.judged, calibration: setup.calibration },
  }
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 24)
  const file = join(cacheDir, 'studies', `${name}.jsonl`)
  guarded(file, () => mkdirSync(dirname(file), { recursive: true }))
  await using held = new DisposeStack()
  held.use(
    takePidLock(
      `${file}.lock`,
      (owner) => `expected to be the only study of these answers, got process ${owner} at the same work; wait for it`,
    ),
  )
  if (fresh) for (const old of [file, partOf(file)]) rmSync(old, { force: true })
  const leftOut = existsSync(file) ? [] : await record(setup, file, tree)
  return { recording: readRecording(file), file, leftOut }
}

/** A recording of "heterospec simulate --record" or of a study. Throws `bad-file`. */
export function readRecording(file: string): Recording {
  const source = readSource(file)
  if (source.kind === 'recording') return source.recording
  throw new UsageError('bad-file', `expected a recording, got a trace in ${file}; make one with --record`)
}

/** For drafters that hand over their tree in one go: they report nothing that entropies could be computed from. */
export function growsNoLevels(drafter: string): UsageError {
  return new UsageError(
    'bad-option',
    `expected a drafter that grows its tree level by level, got ${drafter}; use --draft-head or --draft-model`,
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** As large as any budget can ask for; a drafter's own limit of levels comes first. */
const MOST: Omit<TreeLimits, 'width'> = { nodes: 255, depth: 64 }
/** Tokens behind the end of a recorded answer, as if its limit were further: the limit must not cut trees. */
const BEYOND = 256
/** Nodes that are scored at every place for drafters that learn from scores, as in a simulation; the others learn nothing. */
const SCORED = 4
const LEARN_NOTHING: readonly unknown[] = ['model', 'eagle3']

function partOf(file: string): string {
  return `${file}.part`
}

async function record(setup: StudyRecordingSetup, file: string, tree: TreeLimits): Promise<StudyRecording['leftOut']> {
  const { engine, maxTokens, signal, command, onProgress } = setup
  const part = partOf(file)
  const scored = LEARN_NOTHING.includes(setup.drafter.drafter?.method) ? 0 : SCORED
  const asked = [
    ...setup.judged.map((question) => ({ question, calibration: false })),
    ...setup.calibration.map((question) => ({ question, calibration: true })),
  ]
  const known = existsSync(part) ? wholeQuestions(part) : new Set<string>()
  if (known.size > 0) setup.onResume(known.size)
  else {
    const header = await recordingHeader({ ...setup, engine, tree, scored, maxTokens, signal, command })
    guarded(part, () => writeFileSync(part, `${JSON.stringify(header)}\n\n`))
  }
  const leftOut: StudyRecording['leftOut'][number][] = []
  for (const [index, { question, calibration }] of asked.entries()) {
    onProgress(index * maxTokens, asked.length * maxTokens)
    if (known.has(keyOf(question))) continue
    const lines: (RecordedQuestion | RecordedPlace)[] = []
    const recorded = await recordAnswers({
      ...{ engine, drafter: setup.drafter.drafter, questions: [question], maxTokens, tree, scored, signal },
      write: (line) => lines.push('question' in line ? { ...line, room: line.room + BEYOND, calibration } : line),
      onProgress: (done) => onProgress(index * maxTokens + done, asked.length * maxTokens),
    })
    leftOut.push(...recorded.leftOut)
    if (lines.length === 0) continue
    // Now, not after all the others.
    if (setup.anyDrafter !== true && !lines.some((line) => 'levels' in line)) throw growsNoLevels(setup.drafter.name)
    guarded(part, () => appendFileSync(part, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n\n`))
  }
  renameSync(part, file)
  return leftOut
}

/** Keys of the questions that are there to their end; what comes after the last of them is cut off. */
function wholeQuestions(part: string): Set<string> {
  const text = readFileSync(part, 'utf8')
  const end = text.lastIndexOf('\n\n') + 2
  const whole = end < 2 ? '' : text.slice(0, end)
  const keys = whole
    .split('\n\n')
    .slice(1, -1)
    .map((lines) => {
      const { question, category } = JSON.parse(defined(lines.split('\n')[0])) as RecordedQuestion
      return keyOf({ id: question, category })
    })
  if (whole.length < text.length) guarded(part, () => writeFileSync(part, whole))
  return new Set(keys)
}

function keyOf({ id, category }: Pick<Question, 'id' | 'category'>): string {
  return JSON.stringify([category, id])
}

function guarded(file: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'output-failed',
      `expected to note recorded answers in ${file}, got "${why}"; free some space or name another folder in HETEROSPEC_CACHE`,
      { cause: error },
    )
  }
}
