/**
 * heterospec against libllama and node-llama-cpp (plain, and with its own speculation), all over libllama's plain decoding:
 *
 *     npx tsx bench/peers.ts --install --per-group 3 --tokens 128 --threads 1
 *
 * --methods auto,lookup/fixed   ways of heterospec to speculate; `off` is always measured
 * --lookup default,1:1          option sets of node-llama-cpp's lookup: fewest tokens that match, most tokens to draft
 * --kernels on|off              heterospec's native kernels, or ggml's own operations
 * --install                     fetches node-llama-cpp with npm into a folder that git does not see; else it is used if there
 *
 * The same prompt tokens (Spec-Bench, first turns, chat template), weights file, threads and limits for all, greedy, F16
 * cache, flash attention, nothing kept of earlier prompts. Prompt by prompt in turns, order rotated; node-llama-cpp sits in
 * a process of its own. Texts may differ between programs, so decoding is compared by time per token, the token that ends
 * an answer included. A table; the last line is JSON.
 *
 * Why 1:1: node-llama-cpp 3.22.1 confirms at most one drafted token a pass, and drafts no fewer than have to match. Of 63
 * sets, replayed on 48 prompts with the default model at the prices of libllama's passes, only 12:12, which hardly ever
 * drafts, lost less against its plain decoding.
 */
import { loadavg } from 'node:os'
import { openEngine } from '../src/engine/index.ts'
import { encodeChat } from '../src/text/index.ts'
import { assert, defined } from '../src/util/assert.ts'
import { openLlama } from './llama.ts'
import { parseMethod } from './methods.ts'
import { benchOptions, onOrOff } from './options.ts'
import { decodedTokens, LLAMA, llamaMethod, nodeLlamaMethods, ourMethod } from './peer-methods.ts'
import type { Method, Outcome, Task } from './peer-methods.ts'
import { installedPeer, installPeer, Peer, wantedPeer, type PeerFacts } from './peer-process.ts'
import { specBench } from './prompts.ts'
import { describeRun, provenance } from './provenance.ts'
import { geometricMean, show, type Interval } from './statistics.ts'

const WARM_UP_TOKENS = 24
/** A process that burns more of a processor than this while others are measured spoils their figures. */
const IDLE_LIMIT = 0.02

const options = await benchOptions({ perGroup: 3 }, { kernels: 'on', lookup: 'default,1:1' }, ['install'])
const { modelPath, threads, extra } = options
const kernels = onOrOff('kernels', extra.kernels)
const run = provenance(modelPath, threads, kernels)
console.log(`${describeRun(run)}\n`)

await using engine = await openEngine(modelPath, { threads, kernels, speculative: 'auto' })
const { tokenizer, context } = engine
const prompts = readPrompts()
using llama = await openLlama(modelPath, { threads, context })
await using peer = await openPeer()
const methods: readonly Method[] = [
  llamaMethod(llama, (token) => tokenizer.isEnd(token)),
  ourMethod(engine, 'off', 'off'),
  ...options.methods.map((name) => ourMethod(engine, name, parseMethod(name, options.draftModel))),
  ...(peer ? nodeLlamaMethods(peer.process, extra.lookup.split(',')) : []),
]

const loadBefore = loadavg()[0]
const rows = await measure()
const summary = methods.flatMap((method) => groups().map((group) => summarise(method, group)))
printSummary()
const idleLoads = peer?.process.idleLoads
if (idleLoads) printIdleLoads(idleLoads)
const peers = peer && { 'node-llama-cpp': { version: peer.version, ...peer.facts, idleLoads } }
const machineLoad = { before: loadBefore, after: loadavg()[0] }
console.log(
  JSON.stringify({ provenance: run, peers, machineLoad, tokens: options.tokens, summary, rows }, (_key, value) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : (value as unknown),
  ),
)

// ------------------------------------------------------------------------------------------------------------------

interface Prompt extends Task {
  readonly id: number
  readonly group: string
}

/** One method on one prompt. */
interface Row {
  readonly id: number
  readonly group: string
  readonly method: string
  readonly promptTokens: number
  readonly decodedTokens: number
  readonly promptMs: number
  readonly decodeMs: number
  readonly passes: number
  /** Its output is that of the same program without speculation. */
  readonly asPlain: boolean
  readonly asLlama: boolean
}

interface Summary {
  readonly method: string
  readonly group: string
  readonly prompts: number
  /** How many times as fast as libllama. */
  readonly decode: Interval
  readonly firstToken: Interval
  readonly endToEnd: Interval
  /** Tokens per pass, mean over prompts. */
  readonly tau: number
  readonly asPlain: number
  readonly asLlama: number
}

function readPrompts(): Prompt[] {
  const all = specBench(options.perGroup).map(({ id, group, text }) => {
    const tokens = engine.template
      ? encodeChat(engine.template, tokenizer, [{ role: 'user', content: text }])
      : tokenizer.tokenize(text)
    return { id, group, tokens, lookIn: tokenizer.tokenize(text, { addSpecial: false }), maxTokens: options.tokens }
  })
  const fitting = all.filter(({ tokens }) => tokens.length + options.tokens < context)
  if (fitting.length < all.length)
    console.log(`${all.length - fitting.length} of ${all.length} prompts are left out: longer than the context\n`)
  return fitting
}

/** Undefined when it is not installed. */
async function openPeer(): Promise<
  ({ process: Peer; version: string; facts: PeerFacts } & AsyncDisposable) | undefined
> {
  const wanted = wantedPeer()
  if (extra.install && installedPeer() !== wanted) installPeer(wanted)
  const version = installedPeer()
  if (version !== wanted) {
    const found = version === undefined ? 'is not installed' : `is version ${version}`
    console.log(`node-llama-cpp is left out: it ${found}; --install fetches ${wanted}\n`)
    return undefined
  }
  const child = new Peer()
  const ends = Array.from({ length: tokenizer.vocabSize }, (_, token) => token).filter((id) => tokenizer.isEnd(id))
  const facts = await child.load({ model: modelPath, threads, context, ends })
  assert(facts.threads === threads, `${threads} threads, node-llama-cpp has ${facts.threads}`)
  console.log(`node-llama-cpp ${version}, llama.cpp ${facts.llamaCpp}, context ${facts.context}, mmap ${facts.mmap}\n`)
  return { process: child, version, facts, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}

async function measure(): Promise<Row[]> {
  for (const method of methods) await method.run({ ...defined(prompts[0]), maxTokens: WARM_UP_TOKENS }) // not counted
  const measured: Row[] = []
  for (const [index, prompt] of prompts.entries()) {
    const outcomes = new Map<string, Outcome>()
    for (let place = 0; place < methods.length; place++) {
      const method = defined(methods[(place + index) % methods.length])
      outcomes.set(method.name, await method.run(prompt))
    }
    measured.push(...methods.map((method) => toRow(prompt, method, outcomes)))
    process.stderr.write(`\r${index + 1} of ${prompts.length} prompts`)
  }
  process.stderr.write('\n')
  return measured
}

function toRow({ id, group, tokens }: Prompt, method: Method, outcomes: ReadonlyMap<string, Outcome>): Row {
  const outcome = defined(outcomes.get(method.name))
  const equals = (name: string): boolean => {
    const other = defined(outcomes.get(name))
    return other.ended === outcome.ended && other.tokens.join() === outcome.tokens.join()
  }
  const { promptMs, decodeMs, passes } = outcome
  return {
    id,
    group,
    method: method.name,
    promptTokens: tokens.length,
    decodedTokens: decodedTokens(outcome),
    promptMs,
    decodeMs,
    passes,
    asPlain: equals(method.plain),
    asLlama: equals(LLAMA),
  }
}

function groups(): string[] {
  return [...new Set(prompts.map(({ group }) => group)), 'all']
}

function summarise(method: Method, group: string): Summary {
  const own = rows.filter((row) => row.method === method.name && (group === 'all' || row.group === group))
  const pairs = own
    .map((row) => ({ row, base: defined(rows.find(({ id, method }) => id === row.id && method === LLAMA)) }))
    // An answer of one token was not decoded, it came with the prompt.
    .filter(({ row, base }) => row.decodedTokens > 0 && base.decodedTokens > 0)
  const ratios = (ratio: (row: Row, base: Row) => number): Interval =>
    geometricMean(pairs.map(({ row, base }) => ratio(row, base)))
  return {
    method: method.name,
    group,
    prompts: pairs.length,
    decode: ratios((row, base) => perToken(base) / perToken(row)),
    firstToken: ratios((row, base) => base.promptMs / row.promptMs),
    // The time for as many tokens as libllama wrote.
    endToEnd: ratios(
      (row, base) => (base.promptMs + base.decodeMs) / (row.promptMs + perToken(row) * base.decodedTokens),
    ),
    tau: pairs.reduce((sum, { row }) => sum + row.decodedTokens / row.passes, 0) / pairs.length,
    asPlain: own.filter((row) => row.asPlain).length,
    asLlama: own.filter((row) => row.asLlama).length,
  }
}

function perToken({ decodeMs, decodedTokens }: Row): number {
  return decodeMs / decodedTokens
}

function printIdleLoads({ theirs, ours }: Peer['idleLoads']): void {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  console.log(
    `while the other was measured, node-llama-cpp's process took ${percent(theirs)} of a processor, ours ${percent(ours)}`,
  )
  if (Math.max(theirs, ours) > IDLE_LIMIT) console.log('that is too much: the figures of the other are too low')
}

function printSummary(): void {
  console.log(`how many times as fast as ${LLAMA}'s plain decoding, geometric mean over prompts (95 % interval):\n`)
  console.log('| method | group | decode speed-up | first token | end to end | tau | as own plain | as libllama |')
  console.log('| ------ | ----- | --------------- | ----------- | ---------- | --- | ------------ | ----------- |')
  for (const row of summary.filter(({ method }) => method !== LLAMA)) {
    const times = [row.decode, row.firstToken, row.endToEnd].map((interval) => show(interval, 2)).join(' | ')
    const equal = `${row.asPlain} of ${countIn(row.group)} | ${row.asLlama} of ${countIn(row.group)}`
    console.log(`| ${row.method} | ${row.group} | ${times} | ${row.tau.toFixed(2)} | ${equal} |`)
  }
  console.log('')
}

function countIn(group: string): number {
  return prompts.filter((prompt) => group === 'all' || prompt.group === group).length
}
