/** The load benchmark as one HTML file: no network, no script, light and dark. */
import { htmlPage, markup, type Markup } from '../../../plot/index.ts'
import { definitions, provenanceFacts } from '../../report/conditions.ts'
import { count, enumerate, nothing, plural, ratio } from '../../report/format.ts'
import { intervalCell, plainRows, section, sideName, table } from '../../report/parts.ts'
import { pageStyles } from '../../report/styles.ts'
import { fewestQuestions } from '../../report/view.ts'
import { showInterval } from '../../statistics.ts'
import type { Interval } from '../../types.ts'
import type { LoadDocument, Spread } from '../types.ts'
import { drafting, ratios, speeds, waiting } from './pictures.ts'
import { createView, type LoadView, type SideView, type View } from './view.ts'

/** The report of a load benchmark as one HTML file. */
export function renderLoad(document: LoadDocument): string {
  const view = createView(document)
  const { heterospec, model } = document.provenance
  const title = `${model.name}: servers under load`
  const sections = [speeds, ratios, waiting, drafting, figures, failures, provenance].map((part) => part(view))
  const body = markup`<header>
<p class="kicker">heterospec, bench/load.ts</p>
<h1>${title}</h1>
<p class="lede">${verdict(view)} ${sameness(view)}</p>
<ul class="conditions">${ranges(view)}<li>${conditions(view)}</li></ul>
</header>
<main>
${sections}
</main>
<footer><p>Made by heterospec ${heterospec}. Times mean something only against others of the same run.</p></footer>`
  return htmlPage({ title, styles: pageStyles, body, generator: `heterospec ${heterospec}` })
}

// ---------------------------------------------------------------------------------------------------------------

/** Who wrote how much with the most clients. */
function verdict(view: View): Markup {
  const load = view.loads.filter(({ kind }) => kind === 'closed').at(-1)
  const others = view.sides.flatMap((side) => {
    const interval = load && !side.isBaseline ? view.summaryOf(load.name, side.name)?.goodput : undefined
    return interval && !Number.isNaN(interval.mean) ? [{ side, interval }] : []
  })
  if (!load || others.length === 0) return markup`There is nothing to compare <b>${view.baseline}</b> with.`
  const words = others.map(
    ({ side, interval }, index) => markup`${index > 0 && '; '}<b>${side.name}</b> ${showInterval(interval)}`,
  )
  return markup`With ${load.words}, tokens of whole answers per second, of those of <b>${view.baseline}</b>: ${words}.`
}

function sameness({ document, sides }: View): Markup {
  const total = (pick: (row: LoadDocument['summary'][number]) => number): number =>
    document.summary.reduce((sum, row) => sum + pick(row), 0)
  const [asked, errors, different] = [total((row) => row.requests), total((row) => row.errors), total((row) => row.different)] // prettier-ignore
  const failed = sides.filter((side) => side.failed).map(({ name }) => name)
  if (errors + different === 0)
    return markup`All ${plural(asked, 'answer')} came whole, with the text of plain decoding.`
  return markup`<b>Of ${plural(asked, 'request')} ${count(errors)} got no whole answer and ${count(different)} another text than plain decoding</b>: ${enumerate(failed)}.`
}

/** The worst and the best load of each side. */
function ranges(view: View): Markup[] {
  return view.sides.flatMap((side) => {
    const found = view.loads.flatMap((load) => {
      const interval = view.summaryOf(load.name, side.name)?.goodput
      return interval && !Number.isNaN(interval.mean) ? [{ load, interval }] : []
    })
    const [least, most] = [found.reduce(by(-1), found[0]), found.reduce(by(1), found[0])]
    if (side.isBaseline || !least || !most || least === most) return []
    return [
      markup`<li><b>${side.name}</b>: ${ratio(least.interval.mean)} at the least (${least.load.words}), ${ratio(most.interval.mean)} at the most (${most.load.words})</li>`,
    ]
  })
}

type Found = { readonly load: LoadView; readonly interval: Interval }

function by(sign: 1 | -1): (best: Found | undefined, one: Found) => Found {
  return (best, one) => (best && sign * (best.interval.mean - one.interval.mean) >= 0 ? best : one)
}

function conditions({ document }: View): string {
  const { provenance: source, options } = document
  const { machine, threads, kernels, model, date } = source
  return `${model.file} on ${machine.cpu} (${plural(machine.processors, 'processor')}, ${plural(threads, 'thread')} used, kernels ${kernels}), ${plural(options.rounds, 'round')}, ${options.maxTokens} tokens at most, greedy, ${date.slice(0, 10)}.`
}

const columns = ['Side', 'Goodput', 'Tokens/s', 'First text, p95', 'Time per token', 'First text, ms', 'Queue, ms', 'Requests', 'Errors', 'Differ'] // prettier-ignore

/** The table that the command prints, with signs. */
function figures(view: View): Markup {
  const bodies = view.loads.map(
    (load) => markup`<tbody><tr class="group"><th scope="rowgroup" colspan="${columns.length}">${load.words}</th></tr>
${view.sides.map((side) => row(view, load, side))}</tbody>`,
  )
  return section({
    id: 'figures',
    heading: 'All figures',
    body: [
      table('Every load on every server', columns, bodies),
      markup`<p class="note">Ratios are against <b>${view.baseline}</b>: <span class="faster">▲</span> better beyond noise, <span class="slower">▼</span> worse beyond noise, <span class="same">≈</span> the interval holds 1, <span class="few">·</span> fewer than ${fewestQuestions} rounds, too few to say. The same server asked twice in the same way shows what chance alone does. <b>First text</b> and <b>queue</b>: median and 95th percentile; the queue is what of that time was not the reading of the prompt, by the server's own word. <b>Differ</b>: answers that are not those of plain decoding of the same program in the same round.</p>`,
    ],
  })
}

function row(view: View, load: LoadView, side: SideView): Markup {
  const found = view.summaryOf(load.name, side.name)
  if (!found) return markup``
  const cell = (interval: Interval, wanted: 'more' | 'less'): Markup => {
    if (side.isBaseline) return markup`<td><b>1</b></td>`
    return Number.isNaN(interval.mean) ? markup`<td>${nothing}</td>` : intervalCell(interval, view.judge(interval, wanted)) // prettier-ignore
  }
  const alarm = (value: number): Markup =>
    value > 0 ? markup`<td class="failed"><b>${count(value)}</b></td>` : markup`<td>0</td>`
  return markup`<tr><th scope="row">${sideName({ ...side, isBaseline: false, failed: found.errors + found.different > 0 })}</th>${cell(found.goodput, 'more')}<td>${found.tokensPerSecond.toFixed(1)}</td>${cell(found.firstP95, 'less')}${cell(found.tokenMs, 'less')}<td>${spread(found.firstMs)}</td><td>${spread(found.queueMs)}</td><td>${count(found.requests)}</td>${alarm(found.errors)}${alarm(found.different)}</tr>
`
}

function spread({ p50, p95 }: Spread): string {
  return p50 === null || p95 === null ? nothing : `${p50.toFixed(0)} / ${p95.toFixed(0)}`
}

function failures({ document }: View): Markup {
  if (document.failures.length === 0) return markup``
  const items = document.failures.map((failure) => markup`<li>${failure}</li>`)
  return section({ id: 'failures', heading: 'Failures', body: markup`<ul>${items}</ul>` })
}

function provenance({ document, baseline }: View): Markup {
  const { provenance: source, options, sides } = document
  const { clients, shares, rounds, perClient, maxTokens, seed } = options
  const methods = sides.map(({ name, plain, body, details }) => [
    ...[name, plain === name ? 'is plain' : plain, JSON.stringify(body), JSON.stringify(details)],
  ])
  return section({
    id: 'provenance',
    heading: 'Provenance',
    body: [
      markup`<div class="command"><pre tabindex="0" role="group" aria-label="command">${source.command}</pre></div>`,
      definitions([
        ...provenanceFacts(source),
        ['Clients', clients.join(', ')],
        ['Arrivals', shares.length === 0 ? 'none' : `${shares.join(', ')} of what ${baseline} managed with ${plural(Math.max(...clients), 'client')}`], // prettier-ignore
        ...([['Rounds', count(rounds)], ['Requests of a round', `${count(perClient)} per client`]] as const), // prettier-ignore
        ...([['Tokens at most', count(maxTokens)], ['Seed', String(seed)]] as const), // prettier-ignore
      ]),
      markup`<h3>Servers</h3>`,
      table('Servers as they were asked', ['Side', 'Must equal', 'Requests hold', 'Details'], plainRows(methods, 4), 4),
    ],
  })
}
