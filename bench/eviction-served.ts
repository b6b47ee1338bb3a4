/**
 * Hits of both orders of eviction in a real server: conversations of Spec-Bench (two of its two-turn questions after each other make a
 * chat of four turns) among its single questions as many as there are, one request at a time, over a memory for beginnings that is too small. Counts, so
 * the machine does not matter: `npm run build && npx tsx bench/eviction-served.ts --requests 400 --ram 16,32 --seed 1` prints a table.
 */
import { fileURLToPath } from 'node:url'
import { loadSuite } from '../src/bench/index.ts'
import { derived, shuffled } from '../src/bench/load/draws.ts'
import { nodeProgram, readEnvironment } from '../src/util/env.ts'
import { uniformAt } from '../src/util/rng.ts'
import { startServer, type Served } from '../scripts/faults/server.ts'
import { ask } from '../scripts/faults/wire.ts'
import { benchFlags, numberList } from './options.ts'

const { model, tokens, threads, extra } = benchFlags(
  { tokens: 16 },
  { requests: '400', ram: '16,32', seed: '1', longest: '1200', pause: '20' },
)
const program = [nodeProgram(), fileURLToPath(new URL('../bin/heterospec.cjs', import.meta.url))] as const
const visits = plan()

console.log(
  '| memory, MiB | order | requests | prompt tokens | found | share | evicted | by prediction | of these wrong |',
)
console.log('| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
for (const ram of numberList('ram', extra.ram)) {
  for (const eviction of ['lru', 'mark-predict']) {
    const flags = ['--parallel', '1', '--threads', String(threads), '--log-level', 'error', '--no-page']
    const cache = ['--cache-ram', String(ram), '--cache-eviction', eviction]
    const { cacheDir } = readEnvironment()
    await using served = await startServer({ program, model, cacheDir, flags: [...flags, ...cache] })
    await replay(served)
    const metrics = (await ask(served.port, '/metrics')).text
    const value = (name: string): number =>
      Number(new RegExp(`^heterospec:prefix_cache_${name}(?:{.*})? (.*)$`, 'm').exec(metrics)?.[1])
    const [asked, found] = [value('queries_total'), value('hits_total')]
    const counts = [value('evicted_tokens'), value('predicted_tokens'), value('wrong_tokens')]
    const share = `${((100 * found) / asked).toFixed(1)} %`
    console.log(`| ${[ram, eviction, visits.length, asked, found, share, ...counts].join(' | ')} |`)
  }
}

/** Who asks next: the number of a text, and which of its questions. */
interface Visit {
  readonly text: number
  readonly questions: readonly string[]
  readonly turn: number
}

/** Chats go on after a pause of other people's requests; in between come single questions. */
function plan(): Visit[] {
  const seed = Number(extra.seed)
  const { questions } = loadSuite()
  const short = questions.filter(({ turns }) => turns.every((turn) => turn.length <= Number(extra.longest)))
  const mixed = shuffled(seed, short.length).flatMap((index) => short[index] ?? [])
  const talks = mixed.filter(({ turns }) => turns.length > 1).sort((a, b) => a.category.localeCompare(b.category))
  const chats = talks.flatMap(({ turns }, at) => (at % 2 === 0 ? [[...turns, ...(talks[at + 1]?.turns ?? [])]] : []))
  const singles = mixed.filter(({ turns }) => turns.length === 1).map(({ turns }) => turns)
  const texts = [...chats, ...singles]
  const order = shuffled(derived(seed, 1), texts.length)
  const found: Visit[] = []
  const open: { readonly at: number; readonly visit: Visit }[] = []
  for (let text = 0; found.length < Number(extra.requests);) {
    const due = open.findIndex(({ at }) => at <= found.length)
    const [later] = due < 0 ? [] : open.splice(due, 1)
    const begun = texts[order[text] ?? -1]
    if (!later && !begun) break
    const visit = later?.visit ?? { text: text++, questions: begun ?? [], turn: 0 }
    found.push(visit)
    if (visit.turn + 1 >= visit.questions.length) continue
    const pause = -Number(extra.pause) * Math.log(1 - uniformAt(derived(seed, 2), found.length))
    open.push({ at: found.length + pause, visit: { ...visit, turn: visit.turn + 1 } })
    open.sort((a, b) => a.at - b.at)
  }
  return found
}

async function replay({ port }: Served): Promise<void> {
  const said = new Map<number, { role: string; content: string }[]>()
  for (const { text, questions, turn } of visits) {
    const messages = [...(said.get(text) ?? []), { role: 'user', content: questions[turn] ?? '' }]
    const body = { messages, temperature: 0, max_tokens: tokens, ignore_eos: true }
    const answer = await ask(port, '/v1/chat/completions', body)
    const { choices } = JSON.parse(answer.text) as { choices: { message: { content: string } }[] }
    said.set(text, [...messages, { role: 'assistant', content: choices[0]?.message.content ?? '' }])
  }
}
