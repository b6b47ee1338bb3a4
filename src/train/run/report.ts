/** The course of a training run as one HTML file: no network, no script, light and dark. */
import { htmlPage, lineChart, markup, type Markup } from '../../plot/index.ts'
import { describeFit } from './curve.ts'
import type { HeadRunSummary } from './head-run-types.ts'
import type { CurvePoint } from './run-types.ts'

/** The page; `command` is what made it. */
export function renderTraining(summary: HeadRunSummary, command: string): string {
  const { run, position, fit } = summary
  const { curve } = position
  const title = `Training a draft head for ${run.targetName}`
  const body = markup`<main>
<h1>${title}</h1>
<p>${run.texts} texts with ${run.answerTokens} answer tokens, ${run.heldOutTexts} texts held out; ${run.start.draftIds.length} draft tokens, which cover ${percent(run.coverage)} of held-out answers.</p>
${section('agreement', 'Agreement by depth', agreementChart(curve), 'How often the likeliest drafted token was the target’s likeliest token, on text that was never trained on, with every earlier token given. A wide gap to the line of the training text means that there was too little of it.')}
${section('loss', 'Loss', lossChart(curve), 'Cross-entropy against the target’s distribution over the draft vocabulary, in nats, depth by depth. The line of the training text sums all depths with their weights.')}
${section('chain', 'Tokens per pass', chainChart(curve), describeFit(fit))}
<h2 id="numbers">All numbers</h2>
<div class="scroll">${table(curve)}</div>
<p class="note">Made by <code>${command}</code></p>
</main>`
  return htmlPage({ title, styles, body })
}

// ---------------------------------------------------------------------------------------------------------------

const styles = `body{margin:0 auto;max-width:66rem;padding:2rem 1.5rem 4rem;background:var(--page);color:var(--text);font:1rem/1.6 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.8rem;line-height:1.2}h2{margin:3rem 0 1rem;font-size:1.3rem}p{max-width:46rem}.note,figcaption{color:var(--muted);font-size:.9rem;white-space:pre-line}
figure{margin:0}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line)}code{overflow-wrap:anywhere}`

function section(id: string, heading: string, chart: Markup, words: string): Markup {
  return markup`<section><h2 id="${id}">${heading}</h2><figure><div class="scroll">${chart}</div><figcaption>${words}</figcaption></figure></section>`
}

function depthsOf(curve: readonly CurvePoint[]): number[] {
  return Array.from({ length: curve[0]?.heldOut.length ?? 0 }, (_, depth) => depth)
}

function agreementChart(curve: readonly CurvePoint[]): Markup {
  const heldOut = depthsOf(curve).map((depth) => ({
    name: `held out, depth ${depth + 1}`,
    look: depth + 1,
    points: curve.map((point) => ({ x: point.epoch, y: 100 * (point.heldOut[depth]?.agreement ?? NaN) })),
  }))
  const training = {
    name: 'training text, depth 1',
    look: 0,
    points: curve.map((point) => ({ x: point.epoch, y: 100 * (point.trainingAgreement ?? NaN) })),
  }
  return lineChart({
    ...{ id: 'agreement-chart', title: 'Agreement by depth', shape: 'curve', series: [training, ...heldOut] },
    description: 'Agreement of drafted tokens with the target over epochs, one line per depth.',
    x: { label: 'epochs', include: [0] },
    y: { label: 'agreement, %', include: [0] },
  })
}

function lossChart(curve: readonly CurvePoint[]): Markup {
  const heldOut = depthsOf(curve).map((depth) => ({
    name: `held out, depth ${depth + 1}`,
    look: depth + 1,
    points: curve.map((point) => ({ x: point.epoch, y: point.heldOut[depth]?.loss ?? NaN })),
  }))
  const training = {
    name: 'training text, all depths',
    look: 0,
    points: curve.map((point) => ({ x: point.epoch, y: point.trainingLoss ?? NaN })),
  }
  return lineChart({
    ...{ id: 'loss-chart', title: 'Loss', shape: 'curve', series: [training, ...heldOut] },
    description: 'Loss over epochs on training and held-out text.',
    x: { label: 'epochs', include: [0] },
    y: { label: 'nats' },
  })
}

function chainChart(curve: readonly CurvePoint[]): Markup {
  const points = curve.filter(({ tokens }) => tokens > 0).map(({ tokens, tau }) => ({ x: tokens, y: tau }))
  return lineChart({
    ...{ id: 'chain-chart', title: 'Tokens per pass', shape: 'curve', legend: false },
    description: 'Tokens per pass of a chain, from the agreements on held-out text, over the answer tokens trained on.',
    series: [{ name: 'tokens per pass', look: 1, points }],
    x: { label: 'answer tokens trained on (repeats count)', log: true },
    y: { label: 'tokens per pass of a chain', include: [1] },
  })
}

function table(curve: readonly CurvePoint[]): Markup {
  const head = [
    'step',
    'epoch',
    'tokens',
    'training loss',
    ...depthsOf(curve).flatMap((depth) => [`loss ${depth + 1}`, `agreement ${depth + 1}`]),
    'per pass',
  ]
  const rows = curve.map((point) => [
    String(point.step),
    point.epoch.toFixed(2),
    String(point.tokens),
    point.trainingLoss?.toFixed(3) ?? '',
    ...point.heldOut.flatMap(({ loss, agreement }) => [loss.toFixed(3), percent(agreement)]),
    point.tau.toFixed(3),
  ])
  return markup`<table><thead><tr>${head.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows.map((cells) => markup`<tr>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`)}</tbody></table>`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
