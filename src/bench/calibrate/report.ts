/** A calibration as one HTML file: how far its chances can be believed, tokens by group, what rows cost. No script. */
import { createCostModel, type Calibration, type GroupCheck, type Reliability } from '../../policy/index.ts'
import { barChart, htmlPage, lineChart, markup, type Markup } from '../../plot/index.ts'
import { calibrationSentence, tokensError } from './sentence.ts'

/** The page. */
export function renderCalibration(calibration: Calibration): string {
  const { identity, provenance, check } = calibration
  const title = `Calibration of ${identity.drafter.method} for ${identity.model.name}`
  const body = markup`<main>
<h1>${title}</h1>
<p>${calibrationSentence(calibration)}.</p>
<p class="note">Learned from ${provenance.answers} answers with ${provenance.places} judged trees; everything below is from ${check.answers} answers with ${check.places} trees that nothing was learned from. Prompts: ${provenance.prompts}.</p>
${section('reliability', 'Chances', reliabilityChart(check.calibrated, check.own), 'Drafted tokens by the chance that was foretold for them, given that the token before was right, and the share of them that came true. On the diagonal every chance is what it says. Classes of fewer than ten nodes are left to the table.')}
${section('tokens', 'Tokens per round', tokensChart(check.groups), 'Foretold and real tokens of a round by group of prompts, a round from every place with the whole tree.')}
${calibration.prices && section('prices', 'What rows cost here', priceChart(calibration.prices.target), `A pass over n rows in passes over one, on ${calibration.prices.machine.cpu} with ${calibration.prices.machine.threads} threads. Under a line of tokens per round, speculation pays.`)}
<h2 id="numbers">All numbers</h2>
<div class="scroll">${groupTable(check.groups)}</div>
<div class="scroll">${classTable(check.calibrated)}</div>
<p class="note">Made by ${provenance.program}</p>
</main>`
  return htmlPage({ title, styles, body, generator: provenance.program })
}

// ---------------------------------------------------------------------------------------------------------------

const styles = `body{margin:0 auto;max-width:66rem;padding:2rem 1.5rem 4rem;background:var(--page);color:var(--text);font:1rem/1.6 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.8rem;line-height:1.2}h2{margin:3rem 0 1rem;font-size:1.3rem}p{max-width:46rem}.note,figcaption{color:var(--muted);font-size:.9rem}
figure{margin:0}.scroll{overflow-x:auto;margin-bottom:1.5rem}table{border-collapse:collapse;font-size:.85rem}th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line)}td:first-child,th:first-child{text-align:left}`

function section(id: string, heading: string, chart: Markup, words: string): Markup {
  return markup`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2><figure><div class="scroll">${chart}</div><figcaption>${words}</figcaption></figure></section>`
}

/** Shares of fewer nodes than this are luck: they stand in the table only. */
const FEWEST_NODES = 10

function reliabilityChart(calibrated: Reliability, own: Reliability): Markup {
  const pointsOf = ({ classes }: Reliability): { x: number; y: number; hover: string }[] =>
    classes.flatMap(({ nodes, foretold, accepted }) =>
      foretold === null || accepted === null || nodes < FEWEST_NODES
        ? []
        : [
            {
              x: 100 * foretold,
              y: 100 * accepted,
              hover: `${percent(foretold)} foretold, ${percent(accepted)} of ${nodes} nodes`,
            },
          ],
    )
  return lineChart({
    ...{ id: 'reliability-chart', title: 'Foretold chance against share that came true', shape: 'curve' },
    description: `Calibrated chances are ${percent(calibrated.error)} off on average, the drafter's own ${percent(own.error)}.`,
    series: [
      { name: 'as it should be', look: 0, points: [0, 100].map((at) => ({ x: at, y: at })) },
      { name: 'calibrated', look: 1, points: pointsOf(calibrated) },
      { name: 'the drafter’s own', look: 2, points: pointsOf(own) },
    ],
    x: { label: 'foretold, %', include: [0, 100] },
    y: { label: 'came true, %', include: [0, 100] },
  })
}

/** Two bars per group. */
function tokensChart(groups: readonly GroupCheck[]): Markup {
  return barChart({
    ...{ id: 'tokens-chart', title: 'Tokens per round, foretold and real' },
    description:
      'Two bars per group of prompts: the tokens that a round was expected to bring, and those that it brought.',
    parts: ['tokens per round'],
    bars: groups.flatMap(({ group, trees }) => [
      { name: `${group}, foretold`, values: [trees.expected], note: tokensError(trees) },
      { name: `${group}, real`, values: [trees.real], note: '' },
    ]),
    x: { label: 'tokens per round', format: (value) => value.toFixed(2) },
  })
}

function priceChart(target: NonNullable<Calibration['prices']>['target']): Markup {
  const cost = createCostModel(target)
  const contexts = [...new Set(target.map(({ context }) => context))].sort((a, b) => a - b)
  const rows = [...new Set(target.map((sample) => sample.rows))].sort((a, b) => a - b)
  const series = [contexts.at(0), contexts.length > 1 ? contexts.at(-1) : undefined]
    .filter((context) => context !== undefined)
    .map((context, index) => ({
      name: `${context} tokens in the cache`,
      look: index + 1,
      points: rows.map((count) => ({ x: count, y: cost.targetMs(count, context) / cost.targetMs(1, context) })),
    }))
  return lineChart({
    ...{ id: 'prices-chart', title: 'Price of a pass by rows', shape: 'curve', series },
    description: 'What a pass over n rows costs in passes over one row.',
    x: { label: 'rows', whole: true, include: [1] },
    y: { label: 'passes over one row', include: [0, 1] },
  })
}

function groupTable(groups: readonly GroupCheck[]): Markup {
  const head = [
    'group',
    'answers',
    'rounds',
    'foretold',
    'real',
    'error',
    'rounds here',
    'foretold',
    'real',
    'error',
    'speed-up',
  ]
  const rows = groups.map(({ group, answers, trees, rounds }) => [
    ...[group, String(answers), String(trees.rounds), trees.expected.toFixed(3), trees.real.toFixed(3)],
    tokensError(trees),
    ...(rounds === null
      ? ['', '', '', '', '']
      : [
          ...[String(rounds.rounds), rounds.expected.toFixed(3), rounds.real.toFixed(3)],
          ...[tokensError(rounds), rounds.speedup.toFixed(2)],
        ]),
  ])
  return table(head, rows)
}

function classTable({ classes }: Reliability): Markup {
  const rows = classes.map(({ from, to, nodes, foretold, accepted }) => [
    ...[`${from} to ${to}`, String(nodes), percent(foretold), percent(accepted)],
  ])
  return table(['calibrated chance', 'nodes', 'foretold', 'came true'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return markup`<table><thead><tr>${head.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows.map((cells) => markup`<tr>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`)}</tbody></table>`
}

function percent(share: number | null): string {
  return share === null ? '' : `${(100 * share).toFixed(1)} %`
}
