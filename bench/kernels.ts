/**
 * Whole passes against libllama's: what n rows cost, at which context, and how near one row comes to the memory's limit.
 *
 *     npx tsx bench/kernels.ts --model smollm2-135m --threads 1 --rows 1,2,4,8,16,32,64 --contexts 512,4096 --repeats 15
 *     npx tsx bench/kernels.ts --threads 1 --rows 1-33 --contexts 512      # where the staircase steps
 *
 * --rows 1,2,4-8    row counts up to 100; one row is always measured
 * --contexts 512    tokens in the cache before the pass, real text
 * --kernels on|off  native kernels, or ggml's own operations
 * --prefill 512     tokens of the prompt that is read into an empty cache, each engine cutting it as it does by default
 *
 * All logits of a pass are computed and fetched on both sides; libllama has the same file, threads, context, an F16 cache
 * and flash attention. Everything is measured in turns, order rotated. A turn starts with untimed passes of one row, since
 * who decodes finds the caches and threads as the last pass left them. Tables; the last line is JSON.
 */
import { loadGguf } from '../src/gguf/index.ts'
import { loadModel } from '../src/model/index.ts'
import { loadTokenizer } from '../src/text/index.ts'
import { assert, defined } from '../src/util/assert.ts'
import { median } from '../src/util/math.ts'
import { openMemoryReader } from './bandwidth.ts'
import { openLibllama, type Libllama, type LlamaText } from '../src/bench/sides/libllama.ts'
import { measureLoads, printLoads } from './loading.ts'
import { benchOptions, numberList, onOrOff } from './options.ts'
import { specBenchText } from './prompts.ts'
import { describeRun, provenance } from './provenance.ts'
import { quartiles, showInterval as show, type Interval } from '../src/bench/index.ts'

const SIDES = ['ours', 'theirs'] as const
type Side = (typeof SIDES)[number]
/** Milliseconds by turn. */
type Samples = Readonly<Record<Side, number[]>>

/** Untimed passes at the start of a turn: this many, or until this much time has gone. */
const SETTLING_PASSES = 5
const SETTLING_MS = 100
/** Passes that are short next to the machine's hiccups are timed more than once in a turn. */
const SHORT_ROWS = 8
const SHORT_PASSES = 3
/** Far beyond any cache. */
const LARGE_BYTES = 512 * 2 ** 20

const options = await benchOptions(
  { repeats: 15 },
  { rows: '1,2,4,8,16,32,64', contexts: '512,4096', kernels: 'on', prefill: '512' },
)
const { modelPath, threads, repeats, extra } = options
const kernels = onOrOff('kernels', extra.kernels)
const rowCounts = [...new Set([1, ...numberList('rows', extra.rows)])]
const contexts = numberList('contexts', extra.contexts)
const longest = Math.max(...contexts)
const promptTokens = Number(extra.prefill)
const capacity = Math.max(longest, promptTokens)
const stepBytes = bytesPerStep()

const run = provenance(modelPath, threads, kernels)
console.log(describeRun(run))
const loads = await measureLoads({ modelPath, threads, kernels, context: capacity, repeats: Math.min(5, repeats) })
printLoads(loads)

const text = await readText(capacity + Math.max(...rowCounts))
using llama = await openLibllama(modelPath, { threads, context: promptTokens })
const theirTexts = new Map(contexts.map((context) => [context, fillTheirs(llama, context)]))
await using model = await loadModel(modelPath, { threads, context: capacity, kernels })
using sequence = model.open()
await sequence.prefill(text.slice(0, longest))
using weightsReader = openMemoryReader(stepBytes, threads)
using largeReader = openMemoryReader(LARGE_BYTES, threads)

const cells = contexts.flatMap((context) => rowCounts.map((rows) => ({ context, rows, ...samples() })))
type Cell = (typeof cells)[number]
const prefill = samples()
const weightReads: number[] = []
const largeReads: number[] = []
for (let repeat = 0; repeat < repeats; repeat++) {
  for (let place = 0; place < cells.length; place++) {
    const cell = defined(cells[(place + repeat) % cells.length])
    for (const side of order(repeat + place)) cell[side].push(await turn(side, cell))
  }
  if (repeat % 3 === 0) for (const side of order(repeat)) prefill[side].push(await readPrompt(side))
  if (weightsReader) weightReads.push(settled(() => weightsReader.readMs()))
  if (largeReader) largeReads.push(largeReader.readMs())
  process.stderr.write(`\r${repeat + 1} of ${repeats} turns`)
}
process.stderr.write('\n')

const table = cells.map((cell) => {
  const one = defined(cells.find(({ context, rows }) => context === cell.context && rows === 1))
  return {
    context: cell.context,
    rows: cell.rows,
    oursMs: median(cell.ours),
    theirsMs: median(cell.theirs),
    ours: ratios(cell.ours, one.ours),
    theirs: ratios(cell.theirs, one.theirs),
    theirsOverOurs: ratios(cell.theirs, cell.ours),
  }
})
printPasses()
printEdges()
const growth = contextGrowth()
const prefillRatio = ratios(prefill.theirs, prefill.ours)
console.log(
  `prefill of ${promptTokens} tokens: ours ${rate(prefill.ours)}, theirs ${rate(prefill.theirs)} tokens/s; theirs/ours ${show(prefillRatio, 2)}\n`,
)
const bandwidth = reportBandwidth()
console.log(
  JSON.stringify({ provenance: run, passes: table, growth, prefill: prefillRatio, bandwidth, loads }, (_key, value) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : (value as unknown),
  ),
)

// ------------------------------------------------------------------------------------------------------------------

function samples(): Samples {
  return { ours: [], theirs: [] }
}

function order(turn: number): readonly Side[] {
  return turn % 2 === 0 ? SIDES : ['theirs', 'ours']
}

async function readText(count: number): Promise<number[]> {
  using tokenizer = await loadTokenizer(modelPath)
  const tokens = tokenizer.tokenize(specBenchText()).slice(0, count)
  assert(tokens.length === count, `a text of ${count} tokens`)
  return tokens
}

function fillTheirs(parent: Libllama, context: number): LlamaText {
  const theirs = parent.fork(context + Math.max(...rowCounts))
  theirs.read(text.slice(0, context))
  return theirs
}

/** Bytes of the weights that a pass reads: all, but a table of embeddings that is not the head as well. */
function bytesPerStep(): number {
  const { tensors, tensorBytes } = loadGguf(modelPath)
  const embeddings = tensors.find(({ name }) => name === 'token_embd.weight')
  const hasHead = tensors.some(({ name }) => name === 'output.weight')
  return tensorBytes - (hasHead ? (embeddings?.bytes ?? 0) : 0)
}

/** One engine's turn: settles down on single rows, then milliseconds of a pass over the cell's rows. */
async function turn(side: Side, { context, rows }: Cell): Promise<number> {
  const started = performance.now()
  for (let pass = 0; pass < SETTLING_PASSES && performance.now() - started < SETTLING_MS; pass++)
    await timePass(side, 1, context)
  // Both engines may have to build a graph for another number of rows.
  if (rows > 1) await timePass(side, rows, context)
  const times: number[] = []
  for (let pass = 0; pass < (rows <= SHORT_ROWS ? SHORT_PASSES : 1); pass++)
    times.push(await timePass(side, rows, context))
  return median(times)
}

async function timePass(side: Side, rows: number, context: number): Promise<number> {
  // The rows of the longest text stay in the cache whatever length is pretended.
  if (side === 'ours') return model.timePass(sequence, rows, context)
  const theirs = defined(theirTexts.get(context))
  const started = performance.now()
  theirs.pass(text.slice(context, context + rows))
  const ms = performance.now() - started
  theirs.truncate(context)
  return ms
}

async function readPrompt(side: Side): Promise<number> {
  const prompt = text.slice(0, promptTokens)
  llama.clear()
  sequence.truncate(0)
  const started = performance.now()
  if (side === 'ours') await sequence.prefill(prompt)
  else llama.read(prompt)
  const ms = performance.now() - started
  sequence.truncate(0)
  return ms
}

/** The median of a few, after as many that are not counted. */
function settled(measure: () => number): number {
  for (let index = 0; index < SETTLING_PASSES; index++) measure()
  return median(Array.from({ length: SHORT_PASSES }, measure))
}

/** Turn by turn, so that what slows a turn down slows both. */
function ratios(above: readonly number[], below: readonly number[]): Interval {
  return quartiles(above.map((value, index) => value / defined(below[index])))
}

function rate(ms: readonly number[]): string {
  return ((1000 * promptTokens) / median(ms)).toFixed(0)
}

function printPasses(): void {
  for (const context of contexts) {
    console.log(`context ${context}\n`)
    console.log('| rows | ours / ours(1) | theirs / theirs(1) | theirs / ours | ours, ms | theirs, ms |')
    console.log('| ---- | -------------- | ------------------ | ------------- | -------- | ---------- |')
    for (const row of table.filter((one) => one.context === context)) {
      const times = `${row.oursMs.toFixed(1)} | ${row.theirsMs.toFixed(1)}`
      console.log(
        `| ${row.rows} | ${show(row.ours, 2)} | ${show(row.theirs, 2)} | ${show(row.theirsOverOurs, 2)} | ${times} |`,
      )
    }
    console.log('')
  }
}

/** What the longest context costs over the shortest. */
function contextGrowth(): { rows: number; ours: Interval; theirs: Interval }[] {
  const shortest = Math.min(...contexts)
  if (shortest === longest) return []
  const at = (rows: number, context: number): Cell =>
    defined(cells.find((cell) => cell.rows === rows && cell.context === context))
  return rowCounts.map((rows) => {
    const [long, short] = [at(rows, longest), at(rows, shortest)]
    const grown = { rows, ours: ratios(long.ours, short.ours), theirs: ratios(long.theirs, short.theirs) }
    const texts = [show(grown.ours, 2), show(grown.theirs, 2)]
    console.log(`context ${longest} over ${shortest}, ${rows} rows: ours ${texts[0]}, theirs ${texts[1]}`)
    return grown
  })
}

/** Row counts after which one row more adds more than a tenth of a single row's pass: the edges of the staircase. */
function printEdges(): void {
  for (const context of contexts) {
    const times = new Map(table.filter((row) => row.context === context).map((row) => [row.rows, row.oursMs]))
    const pairs = [...times].filter(([rows]) => times.has(rows + 1))
    if (pairs.length < 4) continue
    const limit = defined(times.get(1)) / 10
    const edges = pairs.filter(([rows, ms]) => defined(times.get(rows + 1)) - ms > limit).map(([rows]) => rows)
    console.log(`cheap widths at context ${context} (one row more adds over 0.1 t(1)): ${edges.join(', ') || 'none'}`)
  }
}

/** The time to merely read as many bytes, over the time of a pass of one row. */
function reportBandwidth(): object | undefined {
  if (weightReads.length === 0) {
    console.log('memory: not measured, there is no gcc')
    return undefined
  }
  const speed = (bytes: number, times: readonly number[]): Interval => quartiles(times.map((ms) => bytes / ms / 1e6))
  const [weightsSpeed, largeSpeed] = [speed(stepBytes, weightReads), speed(LARGE_BYTES, largeReads)]
  console.log(
    `reading memory: ${show(weightsSpeed, 1)} GB/s for the weights' ${(stepBytes / 1e6).toFixed(0)} MB again and again, ` +
      `${show(largeSpeed, 1)} GB/s for ${(LARGE_BYTES / 1e6).toFixed(0)} MB; shares of these by a pass of one row:\n`,
  )
  console.log('| context | engine | weights | weights and cache | weights and cache, of the large buffer |')
  console.log('| ------- | ------ | ------- | ----------------- | -------------------------------------- |')
  const shares = contexts.flatMap((context) => SIDES.map((side) => bandwidthShare(context, side)))
  for (const { context, side, weights, withCache, ofLarge } of shares)
    console.log(`| ${context} | ${side} | ${show(weights, 2)} | ${show(withCache, 2)} | ${show(ofLarge, 2)} |`)
  return { weightsGbPerSecond: weightsSpeed, largeGbPerSecond: largeSpeed, shares }
}

function bandwidthShare(
  context: number,
  side: Side,
): { context: number; side: Side; weights: Interval; withCache: Interval; ofLarge: Interval } {
  const passes = defined(cells.find((cell) => cell.context === context && cell.rows === 1))[side]
  const bytes = stepBytes + model.spec.kvBytesPerToken * context
  const share = (reads: readonly number[], factor: number): Interval =>
    ratios(
      reads.map((ms) => ms * factor),
      passes,
    )
  return {
    context,
    side,
    weights: share(weightReads, 1),
    withCache: share(weightReads, bytes / stepBytes),
    ofLarge: share(largeReads, bytes / LARGE_BYTES),
  }
}
