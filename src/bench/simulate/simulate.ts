/** The whole of `heterospec simulate`: a recording or a trace, a machine, budgets; one document. */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import { readCalibration, requireDrafter, requireModel, requireTree, stripFiles } from '../../engine/index.ts'
import { budgetOptions, type Calibration } from '../../policy/index.ts'
import { readCostDocument, type CostList } from '../cost/document.ts'
import type { PricedDrafter } from '../cost/draft.ts'
import { OVERALL, simulateBudgets, summariseAnswers } from './budgets.ts'
import { readSource, type SimulationSource } from './file.ts'
import { resolveDrafter } from './header.ts'
import { curveMachine, measuredMachine, parseCurve, pricedLevels, type VirtualMachine } from './machine.ts'
import { oracleAnswers } from './oracle.ts'
import { plainPassMs, repriceTrace } from './reprice.ts'
import type {
  NamedBudget,
  PriceList,
  Recording,
  SimulatedSummary,
  SimulationDocument,
  SimulationMemory,
  Validation,
} from './types.ts'

/** What is asked for besides the file. */
export interface SimulationOptions {
  /** Default: `DEFAULT_BUDGETS`, none for a trace. */
  readonly budgets?: readonly NamedBudget[] | undefined
  /** Output of `heterospec cost --json`, of any machine. */
  readonly cost?: string | undefined
  /** A curve by name, instead. */
  readonly curve?: string | undefined
  /** Milliseconds of one row, for a curve; default: what it took where the file was made. */
  readonly rowMs?: number | undefined
  /** Milliseconds of one level of a draft, for a curve; default: as recorded. Drafts in one piece take what they took. */
  readonly levelMs?: number | undefined
  readonly batch: number
  /** Path of a calibration from which budgets start; default: they know nothing. */
  readonly calibration?: string | undefined
  /** How long budgets remember what they learned. Default: `question`. */
  readonly memory?: SimulationMemory | undefined
}

export interface Simulated {
  readonly source: SimulationSource
  readonly document: SimulationDocument
}

/** What is judged when nobody says. */
export const DEFAULT_BUDGETS: readonly NamedBudget[] = [
  { name: 'goodput', options: { policy: 'goodput' } },
  { name: 'fixed', options: { policy: 'fixed' } },
]

/** Simulates. Throws `bad-file`, and `bad-option` for machines and budgets that do not fit. */
export function runSimulation(file: string, options: SimulationOptions): Simulated {
  checkMachine(options)
  const source = readSource(file)
  const document =
    source.kind === 'recording' ? ofRecording(file, source.recording, options) : ofTrace(file, source.rounds, options)
  return { source, document }
}

/** Refuses prices that are none, before long work. Throws `bad-option`, `bad-file`. */
export function checkPrices(options: Pick<SimulationOptions, 'cost' | 'curve' | 'rowMs' | 'levelMs'>): void {
  checkMachine(options)
  if (options.curve !== undefined) parseCurve(options.curve)
  if (options.cost !== undefined) readCostDocument(options.cost)
}

/** The machine whose prices are asked for; by default the one that recorded. Throws `bad-option`, `bad-file`. */
export function machineFor(recording: Recording, options: SimulationOptions): VirtualMachine {
  checkMachine(options)
  return machineOf(recording, options, options.cost === undefined ? undefined : readCostDocument(options.cost))
}

/** The same document with what real decoding gave. */
export function withValidation(document: SimulationDocument, validation: readonly Validation[]): SimulationDocument {
  return { ...document, validation }
}

/** The predictions over all groups. */
export function overall({ summary }: SimulationDocument): SimulatedSummary[] {
  return summary.filter(({ group }) => group === OVERALL)
}

// ---------------------------------------------------------------------------------------------------------------

const NO_PRICES: PriceList = {
  target: [],
  draft: [],
  host: { plainMs: 0, treeMs: 0, treeNodes: 1, betweenMs: 0 },
}

function checkMachine({ cost, curve, rowMs, levelMs }: Parameters<typeof checkPrices>[0]): void {
  if (cost !== undefined && curve !== undefined) {
    throw new UsageError('bad-option', 'expected one machine, got --cost and --curve; leave one of them out')
  }
  for (const [flag, value] of [
    ['row-ms', rowMs],
    ['level-ms', levelMs],
  ] as const) {
    if (value === undefined || curve !== undefined) continue
    throw new UsageError('bad-option', `expected a curve for --${flag}, got none; add --curve or leave it out`)
  }
}

function ofRecording(file: string, recording: Recording, options: SimulationOptions): SimulationDocument {
  const { batch, budgets = DEFAULT_BUDGETS, memory = 'question' } = options
  const list = options.cost === undefined ? undefined : readCostDocument(options.cost)
  const machine = machineOf(recording, options, list)
  const calibration = calibrationFor(recording, options.calibration, budgets)
  const parts = { recording, machine, batch, calibration, memory }
  const answers = [...simulateBudgets(parts, budgets), ...oracleAnswers(parts)]
  return {
    ...{ kind: 'heterospec-simulation', version: 1, source: 'recording', file, machine: machine.name, batch, memory },
    ...{ summary: summariseAnswers(answers), answers, validation: null },
    remarks: recordingRemarks(recording, options, list),
    provenance: recording.provenance,
  }
}

function machineOf(
  recording: Recording,
  { cost, curve, rowMs, levelMs, batch }: SimulationOptions,
  list: CostList | undefined,
): VirtualMachine {
  const { prices, drafter, provenance, identity } = recording
  if (cost !== undefined && list !== undefined) {
    const draft = pricesDrafter(list, drafter.name) ? list.draft : prices.draft
    return measuredMachine(`${list.cpu} (${cost})`, { ...list, draft }, drafter.name)
  }
  if (curve !== undefined) {
    const row = defined(prices.target.find(({ rows }) => rows === 1)).ms
    const own = levelMs === undefined ? prices : pricedLevels(prices, levelMs)
    return curveMachine(curve, { rowMs: rowMs ?? row, batch, prices: own, drafter: drafter.name })
  }
  const threads = identity.threads === 1 ? '1 thread' : `${identity.threads} threads`
  return measuredMachine(`${provenance.machine.cpu}, ${threads}, as recorded`, prices, drafter.name)
}

/** Throws `drafter-mismatch` unless it was made with the recorded model and drafter, and with the trees of the budgets. */
function calibrationFor(
  { identity, drafter, files, provenance }: Recording,
  path: string | undefined,
  budgets: readonly NamedBudget[],
): Calibration | undefined {
  if (path === undefined) return undefined
  const found = readCalibration(path)
  const recorded = resolveDrafter({ drafter: drafter.options as PricedDrafter['drafter'] })
  requireModel(found, { name: provenance.model.name, fingerprint: identity.model })
  requireDrafter(found, { drafter: stripFiles(recorded).drafter, files: files ?? [] })
  for (const { options } of budgets) requireTree(found, budgetOptions.parse(options))
  return found
}

function pricesDrafter({ draft }: PriceList, drafter: string): boolean {
  return draft.some((row) => row.drafter === drafter)
}

function recordingRemarks(
  { prices, drafter, tree, scored, answers }: Recording,
  { batch, curve, memory }: SimulationOptions,
  list: CostList | undefined,
): string[] {
  const places = answers.reduce((sum, answer) => sum + answer.places.length, 0)
  const most = Math.max(...(list ?? prices).target.map(({ rows }) => rows))
  const told: [boolean, string][] = [
    [
      true,
      `${answers.length} answers, ${places} places, drafter ${drafter.name}, recorded trees of up to ${tree.nodes} nodes.`,
    ],
    [true, 'The oracle knows the text and verifies no wrong node: no budget can take less time with these trees.'],
    [
      learnsFromScores(drafter),
      `Recycling learns from the scores of verified nodes: here from the wrong ones among the best ${scored} of every place, whatever a budget would have verified.`,
    ],
    [
      answers.some((answer) => answer.places.some(({ levels }) => levels !== undefined)),
      `Budgets narrower than the recorded trees (width ${tree.width}) are approximate; record with their --tree-width for exact rounds.`,
    ],
    [
      list !== undefined && !pricesDrafter(list, drafter.name),
      `The price list has no drafter ${drafter.name}: a draft takes what it took where it was recorded.`,
    ],
    [memory === 'run', 'Each budget goes on with what it learned from the questions before.'],
    [curve !== undefined, 'A curve knows no context: attention to a long text costs nothing extra.'],
    [
      batch > 1,
      `All ${batch} sequences of the batch are taken to be alike; each pays for its own draft and its own work around passes.`,
    ],
    [curve === undefined && batch * 8 > most, `Prices above ${most} rows are continued in a straight line.`],
  ]
  return told.filter(([applies]) => applies).map(([, sentence]) => sentence)
}

function learnsFromScores({ options: { method, sources } }: Recording['drafter']): boolean {
  const merged = (sources as readonly string[] | undefined) ?? ['lookup', 'recycling']
  return method === 'recycling' || (method === 'combined' && merged.includes('recycling'))
}

function ofTrace(
  file: string,
  rounds: Extract<SimulationSource, { kind: 'trace' }>['rounds'],
  { budgets, cost, curve, rowMs, batch, calibration, memory }: SimulationOptions,
): SimulationDocument {
  if (calibration !== undefined) {
    throw new UsageError(
      'bad-option',
      `expected a recording for --calibration, got a trace (${file}), whose rounds are as they are; make one with --record, or leave --calibration out`,
    )
  }
  if (memory === 'run') {
    throw new UsageError(
      'bad-option',
      `expected a recording for --memory run, got a trace (${file}), whose rounds are as they are; make one with --record, or leave --memory out`,
    )
  }
  if (budgets !== undefined) {
    throw new UsageError(
      'bad-option',
      `expected a recording for --budgets, got a trace (${file}), whose rounds are as they are; make one with --record, or leave --budgets out`,
    )
  }
  const machine = traceMachine(rounds, { cost, curve, rowMs, batch })
  const answers = repriceTrace(rounds, machine, batch)
  return {
    ...{ kind: 'heterospec-simulation', version: 1, source: 'trace', file, machine: machine.name, batch, memory: null },
    ...{ summary: summariseAnswers(answers), answers, validation: null, provenance: null },
    remarks: ['A trace keeps its rounds: another budget would have decided otherwise at other prices.'],
  }
}

function traceMachine(
  rounds: Extract<SimulationSource, { kind: 'trace' }>['rounds'],
  { cost, curve, rowMs, batch }: Omit<SimulationOptions, 'budgets' | 'calibration' | 'memory'>,
): VirtualMachine {
  if (cost !== undefined) {
    const { cpu, ...prices } = readCostDocument(cost)
    return measuredMachine(`${cpu} (${cost})`, prices, '')
  }
  if (curve === undefined) {
    throw new UsageError('bad-option', 'expected the prices of a machine for a trace, got none; add --cost or --curve')
  }
  const row = rowMs ?? plainPassMs(rounds)
  if (row !== undefined) return curveMachine(curve, { rowMs: row, batch, prices: NO_PRICES, drafter: '' })
  throw new UsageError(
    'bad-option',
    'expected --row-ms for a trace without a plain round, got none; say what a pass over one row takes',
  )
}
