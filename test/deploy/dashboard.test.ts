/** The dashboard for Grafana: its structure, and that every metric and label that it asks for is one of a server that works. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Engine } from '../../src/engine/index.ts'
import type { MetricNames } from '../../src/server/index.ts'
import { ask, closeTiny, openTiny, serverOf } from '../server/open.ts'
import { metricsOf } from './promql.ts'

const source = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') })
const gridPos = z.strictObject({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1), h: z.int().min(1) })
const target = z.strictObject({
  refId: z.string().regex(/^[A-Z]$/),
  datasource: source,
  expr: z.string().min(1),
  legendFormat: z.string(),
  format: z.literal('heatmap').optional(),
})
const row = z.strictObject({
  id: z.int(),
  type: z.literal('row'),
  title: z.string().min(1),
  collapsed: z.literal(false),
  gridPos,
  panels: z.tuple([]),
})
const chart = z.strictObject({
  id: z.int(),
  type: z.enum(['stat', 'timeseries', 'heatmap']),
  title: z.string().min(1),
  description: z.string().min(1),
  datasource: source,
  gridPos,
  targets: z.array(target).min(1),
  fieldConfig: z.strictObject({ defaults: z.looseObject({ unit: z.string().optional() }), overrides: z.tuple([]) }),
  options: z.looseObject({}),
})
const variable = z.looseObject({
  name: z.string().regex(/^\w+$/),
  label: z.string().min(1),
  type: z.enum(['datasource', 'custom', 'query']),
  query: z.union([z.string(), z.strictObject({ query: z.string(), refId: z.string() })]),
})
const dashboardSchema = z.looseObject({
  id: z.null(),
  uid: z.string().regex(/^[\w-]{1,40}$/),
  title: z.string().min(1),
  schemaVersion: z.int().min(39),
  templating: z.strictObject({ list: z.array(variable) }),
  panels: z.array(z.discriminatedUnion('type', [row, chart])),
})

const text = await readFile(new URL('../../deploy/grafana/heterospec.json', import.meta.url), 'utf8')
const dashboard = dashboardSchema.parse(JSON.parse(text))
const charts = dashboard.panels.filter((panel) => panel.type !== 'row')

/** What Prometheus itself adds to every series. */
const addedLabels = ['instance']

interface Metric {
  readonly type: string
  readonly labels: readonly string[]
}

/** Series by name (histograms by those of their parts), with all labels that were seen. */
function seriesOf(page: string): Map<string, Metric> {
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map((match) => [match[1]!, match[2]!]))
  const series = new Map<string, Metric>()
  for (const [, name = '', labels = ''] of page.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    const found = [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map((match) => match[1]!)
    const type = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ''))
    series.set(name, { type: type ?? 'none', labels: [...new Set([...(series.get(name)?.labels ?? []), ...found])] })
  }
  return series
}

function filled(expression: string, prefix: string): string {
  return expression.replaceAll('${prefix}', prefix).replaceAll('$__rate_interval', '5m')
}

let engine: Engine & { readonly folder: string }
beforeAll(async () => {
  engine = await openTiny()
})
afterAll(() => closeTiny(engine))

/** The metrics of a server after one answer that drafts, and one refusal. */
async function scrape(names: readonly MetricNames[]): Promise<Map<string, Metric>> {
  const server = serverOf(engine, { metrics: names })
  const messages = [{ role: 'user', content: 'red blue red blue' }]
  await ask(server, '/v1/chat/completions', { messages, temperature: 0, max_tokens: 60, ignore_eos: true })
  await ask(server, '/v1/chat/completions', {})
  return seriesOf((await ask(server, '/metrics')).text)
}

describe('the dashboard', () => {
  it('has panels with ids of their own that lie in the grid without overlapping', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const taken = new Map<string, string>()
    for (const { title, gridPos: at } of dashboard.panels) {
      expect(at.x + at.w, title).toBeLessThanOrEqual(24)
      for (let x = at.x; x < at.x + at.w; x++) {
        for (let y = at.y; y < at.y + at.h; y++) {
          expect(taken.get(`${x},${y}`), `below ${title}`).toBeUndefined()
          taken.set(`${x},${y}`, title)
        }
      }
    }
  })

  it('uses no variable that it does not have', () => {
    const names = dashboard.templating.list.map(({ name }) => name)
    const used = [...text.matchAll(/\$\{?(?!__)(\w+)/g)].map((match) => match[1]!)
    expect([...new Set(used)].sort()).toEqual([...names].sort())
  })

  it.each(['heterospec', 'vllm'] as const)('asks for what /metrics has, with the names of %s', async (prefix) => {
    const series = await scrape([prefix])
    // A panel of trees says in its description that only our own names have it; elsewhere it is empty.
    const own = ({ description }: { description: string }): boolean => description.includes('--metrics heterospec')
    const wrong: string[] = []
    for (const panel of charts) {
      for (const { expr } of panel.targets) {
        const metrics = metricsOf(filled(expr, prefix))
        const known = metrics.filter(({ metric }) => series.has(metric))
        // Responses have two names, of which a server has one.
        if (expr.includes(' or ') ? known.length === 0 : known.length < metrics.length) {
          if (prefix === 'heterospec' || !own(panel)) wrong.push(`${panel.title}: ${expr}`)
        }
        for (const { metric, labels, ranged, inside } of known) {
          const { type, labels: has } = series.get(metric)!
          const unknown = labels.filter((label) => ![...has, ...addedLabels].includes(label))
          if (unknown.length > 0) wrong.push(`${panel.title}: ${metric} has no ${unknown.join()}`)
          // A rate is of what only grows, a gauge is itself.
          const grows = inside === 'rate' || inside === 'increase'
          if (grows !== (type !== 'gauge') || ranged !== (grows || inside === 'deriv')) {
            wrong.push(`${panel.title}: ${inside} of the ${type} ${metric}`)
          }
        }
      }
    }
    expect(wrong).toEqual([])
  })

  it('shows what an operator wants to know', () => {
    const metrics = charts.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => metricsOf(filled(expr, 'heterospec')).map(({ metric }) => metric)),
    )
    const wanted = [
      'generation_tokens_total', // throughput
      'time_to_first_token_seconds_bucket',
      'request_time_per_output_token_seconds_bucket',
      'num_requests_waiting', // queue
      'spec_accepted_length_sum', // tau
      'spec_decode_num_accepted_tokens_per_pos_total', // acceptance by depth
      'spec_decode_num_accepted_tokens_total', // rate
      'spec_tree_nodes_bucket', // tree size
      'passes_total', // rows per pass
      'pass_requests_bucket', // requests that share a pass
      'prefix_cache_hits_total',
      'http_requests_total', // errors
    ]
    expect(metrics).toEqual(expect.arrayContaining(wanted.map((name) => `heterospec:${name}`)))
  })
})

describe('responses', () => {
  it('are counted by route and status, never by what the client typed', async () => {
    const server = serverOf(engine, { metrics: ['heterospec', 'vllm'], apiKeys: ['key'] })
    const headers = { Authorization: 'Bearer key' }
    await ask(server, '/v1/models/tiny', undefined, { headers })
    await ask(server, '/v1/secret-path', undefined, { headers })
    await ask(server, '/v1/models')
    await ask(server, '/v1/models', undefined, { headers, method: 'BREW' })
    await ask(server, '/health')
    const page = (await ask(server, '/metrics', undefined, { headers })).text
    const counted = page.split('\n').filter((line) => line.startsWith('heterospec:http_requests_total'))
    const tail = ',engine="0",model_name="tiny"} 1'
    expect(counted).toEqual([
      `heterospec:http_requests_total{handler="/v1/models/:model",method="GET",status="200"${tail}`,
      `heterospec:http_requests_total{handler="none",method="GET",status="404"${tail}`,
      `heterospec:http_requests_total{handler="/v1/models",method="GET",status="401"${tail}`,
      `heterospec:http_requests_total{handler="none",method="other",status="405"${tail}`,
    ])
    expect(page).toContain(`\nhttp_requests_total{handler="none",method="other",status="4xx"${tail}`)
  })
})
