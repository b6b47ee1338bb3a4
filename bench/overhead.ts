/**
 * What HTTP costs: one client of our server, a process of its own, against a loop over the library's own events, in the same
 * process on the same engine, in turns whose order is drawn anew each round. `npx tsx bench/overhead.ts --threads 1
 * --repeats 40`. Ratios per round (geometric means): of the time per token after the first, and of the processor time of the
 * whole answer, which other work on the machine moves less. `library again` tells which differences mean nothing. Goal: at
 * most 1.05. The last line is JSON.
 *
 * Further flags: --speculative off,auto (each is measured for itself)
 */
import { loadSuite } from '../src/bench/index.ts'
import { geometricMean, showInterval } from '../src/bench/statistics.ts'
import { NodeChild } from '../src/bench/sides/node-child.ts'
import { derived, shuffled } from '../src/bench/load/draws.ts'
import { speculativeOf } from '../src/bench/load/serve.ts'
import { openEngine, type SpeculativeOptions } from '../src/engine/index.ts'
import { createApp, listen } from '../src/server/index.ts'
import { benchOptions } from './options.ts'

/** Asks and listens to the end of the answer. Times are the client's: from the first piece of text to the last. */
const client = `
import { createInterface } from 'node:readline'
async function ask({ url, body }) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(await response.text())
  let first, last, text = ''
  for await (const piece of response.body) {
    const heard = Buffer.from(piece).toString()
    last = performance.now()
    if (/"delta":\\{"content":"[^"]/.test(heard)) first ??= last
    text += heard
  }
  const usage = text.match(/"completion_tokens":(\\d+)/)
  return { ms: last - first, tokens: Number(usage[1]) }
}
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, ...question } = JSON.parse(line)
  const answer = await ask(question).then((ok) => ({ ok }), (error) => ({ error: String(error) }))
  process.stdout.write(JSON.stringify({ id, ...answer }) + '\\n')
})
`

/** Of the order in which sides take their turns. */
const SEED = 1

interface Answered {
  readonly tokens: number
  /** From the first token to the end. */
  readonly ms: number
}

const options = await benchOptions({ tokens: 64, repeats: 40 }, { speculative: 'off,auto' })
const { threads, tokens: maxTokens } = options
await using engine = await openEngine(options.modelPath, { threads, context: 1024, sequences: 2 })
const server = createApp(engine)
const listening = await listen(server, { host: '127.0.0.1', port: 0 })
await using asking = new NodeChild('the client', client)
const url = `${listening.url}/v1/chat/completions`
const questions = loadSuite().questions.filter(({ turns }) => (turns[0] ?? '').length < 400)

async function library(content: string, speculative: SpeculativeOptions): Promise<Answered> {
  let first: number | undefined
  for await (const event of engine.generate({
    ...{ prompt: [{ role: 'user', content }], maxTokens, speculative, cachePrompt: false },
    ...{ temperature: 0, ignoreEos: true },
  })) {
    if (event.type === 'text') first ??= performance.now()
  }
  return { tokens: maxTokens, ms: performance.now() - (first ?? NaN) }
}
async function overHttp(content: string, method: string): Promise<Answered> {
  const body = {
    ...{ messages: [{ role: 'user', content }], max_tokens: maxTokens, temperature: 0, ignore_eos: true },
    ...{
      cache_prompt: false,
      stream: true,
      stream_options: { include_usage: true },
      speculative: speculativeOf(method),
    },
  }
  return (await asking.ask({ url, body })) as Answered
}

const result: Record<string, unknown> = {}
for (const method of options.extra.speculative.split(',')) {
  const speculative = speculativeOf(method) as SpeculativeOptions
  const sides = {
    library: (content: string) => library(content, speculative),
    'library again': (content: string) => library(content, speculative),
    server: (content: string) => overHttp(content, method),
  }
  const names = Object.keys(sides) as (keyof typeof sides)[]
  const times = new Map(names.map((name) => [name, [] as number[]]))
  const processor = new Map(names.map((name) => [name, [] as number[]]))
  for (let round = -4; round < options.repeats; round++) {
    const content = questions[(round + 4) % questions.length]?.turns[0] ?? ''
    for (const index of shuffled(derived(SEED, round + 4), names.length)) {
      const name = names[index] as keyof typeof sides
      const before = process.cpuUsage()
      const { tokens, ms } = await sides[name](content)
      const { user, system } = process.cpuUsage(before)
      if (round < 0) continue
      times.get(name)?.push(ms / (tokens - 1))
      processor.get(name)?.push((user + system) / 1000 / tokens)
    }
  }
  const over = (all: Map<string, number[]>, name: string) =>
    geometricMean((all.get(name) ?? []).map((value, round) => value / (all.get('library')?.[round] ?? NaN)))
  result[method] = {}
  for (const name of names.slice(1)) {
    const [time, work] = [over(times, name), over(processor, name)]
    Object.assign(result[method] as object, { [name]: { time, processor: work } })
    console.log(`${method}, ${name}: time per token ${showInterval(time, 3)}, processor time ${showInterval(work, 3)}`)
  }
}
await listening.close(1000)
console.log(JSON.stringify(result))
