/** The whole of `heterospec calibrate`: prices, rounds to learn from, rounds to check by, one document. */
import { existsSync } from 'node:fs'
import { cpuName } from '../../util/env.ts'
import { throwIfAborted, UsageError } from '../../util/errors.ts'
import { packageVersion } from '../../util/package.ts'
import { identifyDrafter, readCalibration, requireDrafter, type Engine } from '../../engine/index.ts'
import {
  calibrationText,
  createPolicyMemory,
  settleMemory,
  type Calibration,
  type CalibrationIdentity,
  type CalibrationPrices,
} from '../../policy/index.ts'
import { measureDrafts, measureHost } from '../cost/draft.ts'
import { resolveDrafter } from '../simulate/header.ts'
import { measuredMachine } from '../simulate/machine.ts'
import { recordAnswer } from '../simulate/record.ts'
import type { RecordedAnswer, RecordedPlace, RecordedQuestion } from '../simulate/types.ts'
import { checkAnswer, summariseCheck, type PricesHere } from './check.ts'
import { splitPrompts, type EncodedPrompt } from './prompts.ts'
import { teachAnswer } from './teach.ts'
import type { CalibratePhase, CalibrateSetup } from './types.ts'
import { openUnfinished, type CalibrationState } from './unfinished.ts'

export interface Calibrated {
  readonly calibration: Calibration
  /** Prompts that do not fit the context. */
  readonly leftOut: number
}

/** Calibrates and writes the file. Throws `bad-option`, `bad-file`, `busy`, `output-failed`, `aborted`. */
export async function calibrate(setup: CalibrateSetup): Promise<Calibrated> {
  const { engine, prompts, maxTokens, tree, portable, out } = setup
  const identity = identityOf(setup)
  requireSameFile(out, identity)
  const { learn, check, leftOut } = splitPrompts(engine, prompts, maxTokens)
  const machine = portable ? null : machineOf(engine)
  const plan = {
    ...{ identity, tree, program: `heterospec ${packageVersion()}`, maxTokens, portable, machine },
    ...{ promptsSha256: prompts.sha256, prompts: prompts.prompts.length },
  }
  using unfinished = openUnfinished(out, plan, { fresh: setup.fresh, empty: emptyState })
  const { state } = unfinished
  if (state.learned + state.held.length > 0) setup.onResume(state.learned + state.held.length)
  if (machine !== null && state.list === null) {
    Object.assign(state, await measurePrices(setup, machine))
    unfinished.save()
  }
  for (const prompt of learn.slice(state.learned)) {
    const answer = await answerTo(setup, prompt, 'learning', state.learned, learn.length)
    teachAnswer(answer, tree, state.memory)
    state.learned++
    state.places += answer.places.length
    unfinished.save()
  }
  const memory = settleMemory(state.memory)
  const here = pricesHere(state, setup.drafter.name)
  for (const prompt of check.slice(state.held.length)) {
    const answer = await answerTo(setup, prompt, 'checking', state.held.length, check.length)
    state.held.push(checkAnswer(answer, tree, memory, here))
    unfinished.save()
  }
  const calibration: Calibration = {
    ...{ kind: 'heterospec-calibration', version: 1, identity, tree },
    provenance: {
      ...{ program: plan.program, prompts: prompts.name, promptsSha256: prompts.sha256 },
      ...{ answers: state.learned, places: state.places, maxTokens },
    },
    ...{ memory, prices: state.prices, check: summariseCheck(state.held) },
  }
  unfinished.finish(calibrationText(calibration))
  return { calibration, leftOut }
}

/** Model and drafter of a calibration that is to be made. */
export function identityOf({ engine, drafter }: Pick<CalibrateSetup, 'engine' | 'drafter'>): CalibrationIdentity {
  const { name, fingerprint } = engine.spec
  return { model: { name, fingerprint }, ...identifyDrafter(resolveDrafter(drafter)) }
}

// ---------------------------------------------------------------------------------------------------------------

function emptyState(): CalibrationState {
  return {
    ...{ prices: null, list: null, learned: 0, places: 0, held: [] },
    memory: { ...createPolicyMemory(), lasting: true },
  }
}

/** A file of the same model and drafter is replaced, any other stays. */
function requireSameFile(out: string, identity: CalibrationIdentity): void {
  if (!existsSync(out)) return
  const old = readCalibration(out)
  const { model } = old.identity
  if (model.fingerprint !== identity.model.fingerprint) {
    throw new UsageError(
      'bad-file',
      `expected a new file or a calibration of ${identity.model.name} (${identity.model.fingerprint}) at ${out}, got one of ${model.name} (${model.fingerprint}); name another --out`,
    )
  }
  requireDrafter(old, identity)
}

function machineOf({ lab }: Engine): CalibrationPrices['machine'] {
  const { library, threads, kvType } = lab.identity
  return { cpu: cpuName(), library, threads, kvType }
}

async function measurePrices(
  { engine, drafter, signal, onProgress }: CalibrateSetup,
  machine: CalibrationPrices['machine'],
): Promise<Pick<CalibrationState, 'prices' | 'list'>> {
  const target = (await engine.costTable()).map(({ rows, context, ms }) => ({ rows, context, ms }))
  const onShare = (from: number) => (share: number) => onProgress('prices', from + share, 2)
  const draft = await measureDrafts(engine, [drafter], { signal, quick: true, onShare: onShare(0) })
  const host = await measureHost(engine, { signal, onShare: onShare(1) })
  const price = await engine.lab.draftPrice({ drafter: drafter.drafter, budget: { policy: 'fixed' } })
  return { prices: { machine, target, draft: price }, list: { target, draft, host } }
}

function pricesHere({ prices, list }: CalibrationState, drafter: string): PricesHere | undefined {
  if (prices === null || list === null) return undefined
  return { machine: measuredMachine('this machine', list, drafter), draft: prices.draft }
}

/** Answers a prompt plainly, drafting at every place. */
async function answerTo(
  { engine, drafter, maxTokens, tree, signal, onProgress }: CalibrateSetup,
  { group, tokens: prompt }: EncodedPrompt,
  phase: CalibratePhase,
  done: number,
  total: number,
): Promise<RecordedAnswer> {
  throwIfAborted(signal)
  let question: RecordedQuestion | undefined
  const places: RecordedPlace[] = []
  const record = {
    ...{ engine, drafter: drafter.drafter, maxTokens, scored: SCORED, signal },
    tree: { nodes: tree.totalTokens - 1, depth: tree.depth + 1, width: tree.topK },
    write: (line: RecordedQuestion | RecordedPlace) => {
      if ('question' in line) question = line
      else places.push(line)
    },
  }
  onProgress(phase, done, total)
  await recordAnswer(record, { id: done, category: group, group }, prompt, (at) =>
    onProgress(phase, done + at / maxTokens, total),
  )
  onProgress(phase, done + 1, total)
  // An answer of a single token has no place.
  return { ...(question ?? { question: done, category: group, group, prompt, first: 0, room: 0 }), places }
}

/** Nodes scored at every place, for drafters that learn from scores; as `simulate --record` does it. */
const SCORED = 4
