/** How quiet the machine was, what the figures were taken with, and who could not take part. */
import { lineChart, markup, type Markup, type MarkupValue } from '../../plot/index.ts'
import { noiseAdvice } from '../table.ts'
import type { BenchDocument, Provenance } from '../types.ts'
import { bytes, count, milliseconds, percent, plural } from './format.ts'
import { figure, plainRows, section, table } from './parts.ts'
import { nameOfTurn, type View } from './view.ts'

/** Drift of the reference workload, and load. */
export function noise({ document }: View): Markup {
  const { turns, noise: found } = document
  if (turns.length === 0) return markup``
  const { reference, load, limit } = found
  const verdict = found.noisy
    ? markup`<b>Noisy:</b> ${noiseAdvice(document)}`
    : markup`Quiet enough for the figures to be used.`
  const text = markup`<p>${verdict} Before every turn a fixed workload was timed, ${milliseconds(reference.medianMs)} in the median. It ranged from ${percent(reference.low)} to ${percent(reference.high)} of that. Turns more than ${percent(limit)} away: ${found.driftedTurns} of ${turns.length}. Load was ${load.before.toFixed(1)} before the run and ${load.after.toFixed(1)} after it.</p>`
  return section({ id: 'noise', heading: 'Noise', body: [text, turns.length > 1 && noiseCharts(document)] })
}

/** Who was asked for and is missing, and which questions are. */
export function missing({ document }: View): Markup {
  const { skipped, leftOut } = document
  if (skipped.length === 0 && leftOut.length === 0) return markup``
  const peers = skipped.map(({ name, reason }) => markup`<li><b>${name}</b>: ${reason}</li>`)
  const shown = leftOut.slice(0, 20)
  const questions = shown.map((turn) => markup`<li><b>${nameOfTurn(turn)}</b>: ${turn.reason}</li>`)
  const rest = leftOut.length - shown.length
  return section({
    id: 'missing',
    heading: 'Left out',
    body: [
      peers.length > 0 && markup`<h3>Programs that could not take part</h3><ul>${peers}</ul>`,
      questions.length > 0 &&
        markup`<h3>Questions that could not be asked</h3><ul>${questions}${rest > 0 && markup`<li>and ${rest} more</li>`}</ul>`,
    ],
  })
}

/** Everything that the figures depend on. */
export function provenance({ document }: View): Markup {
  const { provenance: source, options, sides, peakMemory } = document
  const methods = sides.map(({ name, kind, plain, details }) => [
    name,
    kind,
    plain === name ? 'is plain' : plain,
    JSON.stringify(details),
  ])
  // A span for each word: a browser would break lines after the hyphens of a flag.
  const words = source.command.split(/(?<= )/).map((word) => markup`<span>${word}</span>`)
  return section({
    id: 'provenance',
    heading: 'Provenance',
    body: [
      markup`<div class="command"><pre id="command" tabindex="0" role="group" aria-label="command">${words}</pre><button type="button" id="copy" hidden>Copy</button></div>`,
      definitions([...provenanceFacts(source), ...choices(options)]),
      peakMemory.length > 0 && [
        markup`<h3>Peak memory</h3>`,
        definitions(peakMemory.map(({ program, bytes: peak }) => [program, bytes(peak)])),
      ],
      markup`<h3>Methods</h3>`,
      table('Methods as they were resolved', ['Method', 'Program', 'Must equal', 'Details'], plainRows(methods, 4), 4),
    ],
  })
}

/** A name and what it stands for. */
type Fact = readonly [string, string]

/** With what figures were taken, for `definitions`. */
export function provenanceFacts(source: Provenance): Fact[] {
  const { model, machine, drafters } = source
  return [
    ['Date', source.date],
    ['heterospec', source.commit === null ? source.heterospec : `${source.heterospec}, commit ${source.commit}`],
    ['Node', source.node],
    ['ggml', source.cpuLibrary === null ? source.ggml : `${source.ggml}, ${source.cpuLibrary}`],
    ['Kernels', source.kernels],
    ['Model', `${model.name}, ${model.file}, ${bytes(model.bytes)}`],
    ['SHA-256 of the model', model.sha256],
    ...drafters.map(({ file, sha256 }): Fact => [`Drafter ${file}`, sha256]),
    [
      'Machine',
      `${machine.cpu}, ${plural(machine.processors, 'processor')}, ${bytes(machine.memoryBytes)}, ${machine.platform}`,
    ],
    ['Threads', String(source.threads)],
    ['Context', count(source.context)],
  ]
}

/** Names and what they stand for. */
export function definitions(facts: readonly Fact[]): Markup {
  return markup`<dl>${facts.map(
    ([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>
`,
  )}</dl>`
}

// ------------------------------------------------------------------------------------------------------------------

function noiseCharts({ turns, noise: found }: BenchDocument): MarkupValue {
  const { medianMs } = found.reference
  const share = (milli: number): number => milli / medianMs
  const drifted = turns.flatMap((turn, index) =>
    turn.drifted ? [{ x: index + 1, y: share(turn.referenceMs), hover: `${nameOfTurn(turn)}, marked` }] : [],
  )
  const drift = lineChart({
    id: 'drift',
    title: 'Reference workload over the run',
    description: `${drifted.length} of ${turns.length} turns are outside the band of ${percent(found.limit)} around the median.`,
    height: 200,
    legend: false,
    x: { label: 'turn', whole: true },
    y: { label: 'time of the reference workload, of its median', format: percent },
    band: [1 - found.limit, 1 + found.limit],
    shape: 'curve',
    alarms: drifted,
    series: [
      {
        name: 'reference workload',
        look: 0,
        points: turns.map((turn, index) => ({ x: index + 1, y: share(turn.referenceMs), hover: nameOfTurn(turn) })),
      },
    ],
  })
  const loads = lineChart({
    id: 'load',
    title: 'Load of the machine over the run',
    description: `Processes that wanted a processor: from ${Math.min(...turns.map(({ load }) => load)).toFixed(1)} to ${Math.max(...turns.map(({ load }) => load)).toFixed(1)}.`,
    height: 160,
    legend: false,
    x: { label: 'turn', whole: true },
    y: { label: 'processes wanting a processor', include: [0] },
    shape: 'curve',
    series: [{ name: 'load', look: 2, points: turns.map(({ load }, index) => ({ x: index + 1, y: load })) }],
  })
  return [
    figure('Reference workload', drift, 'The band is what counts as quiet; crosses are marked turns.'),
    figure('Load', loads, 'Load average of the last minute, the benchmark itself included.'),
  ]
}

function choices(options: BenchDocument['options']): Fact[] {
  const { suite, sample, synthetic } = options
  return [
    ['Suite', `${suite.file}, ${plural(suite.questions, 'question')}`],
    ['SHA-256 of the suite', suite.sha256],
    ['Sample', sample === null ? 'all questions' : `${plural(sample, 'question')} per group`],
    ['Seed', String(options.seed)],
    ['Tokens at most', count(options.maxTokens)],
    ['Temperature', options.temperature === 0 ? '0 (greedy)' : String(options.temperature)],
    ['Baseline', options.baseline],
    [
      'Budgets',
      options.live ? 'live: they see real times and remember' : 'fixed prices: counts repeat from run to run',
    ],
    ...(synthetic === null ? [] : [['Synthetic acceptance', synthetic.join(', ')] as const]),
  ]
}
