/**
 * One training step of a draft head at the sizes of the default model, against this machine's matrix products.
 *
 *     npx tsx bench/training.ts --threads 2 --texts 4 --length 512 --unroll 3 --repeats 5
 *
 * --answers 0.8       share of each text that the target wrote
 * --vocabulary 8192   draft vocabulary
 * --shares 1          parts of a batch that are computed at the same time, each on its share of the threads
 * --candidates 0      tokens that the output head is restricted to; 0 = all. Work is counted as if it were not.
 *
 * Weights and batches are random: no model is read. Only multiplications that the method needs count as work; padding,
 * hidden halves of attention and everything element-wise do not. The last line is JSON.
 */
import { parseArgs } from 'node:util'
import { createHeadTrainer } from '../src/train/net/index.ts'
import { headLayout } from '../src/train/net/parameters.ts'
import type { HeadShape, TrainingBatch } from '../src/train/types.ts'
import { Graph, openBackend, TYPE, type Backend } from '../src/tensor/index.ts'
import { cpuName } from '../src/util/env.ts'
import { median } from '../src/util/math.ts'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    texts: { type: 'string', default: '4' },
    length: { type: 'string', default: '512' },
    unroll: { type: 'string', default: '3' },
    repeats: { type: 'string', default: '5' },
    answers: { type: 'string', default: '0.8' },
    vocabulary: { type: 'string', default: '8192' },
    candidates: { type: 'string', default: '0' },
    shares: { type: 'string', default: '1' },
  },
})
const [threads, texts, length] = [Number(values.threads), Number(values.texts), Number(values.length)]
const [unroll, repeats, share] = [Number(values.unroll), Number(values.repeats), Number(values.answers)]

const shape: HeadShape = {
  width: 576,
  feedForwardWidth: 1536,
  headCount: 9,
  kvHeadCount: 3,
  headDim: 64,
  normEpsilon: 1e-5,
  ropeBase: 100_000,
  draftVocabSize: Number(values.vocabulary),
}
/** Tokens of the toy embedding: its size does not matter to the speed. */
const VOCABULARY = 16_384
const LARGE = 2048

let state = 1
/** Uniform in [-size, size). */
function noise(count: number, size: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    values[i] = size * (state / 2 ** 31 - 1)
  }
  return values
}

await using backend = openBackend({ threads })
await using trainer = createHeadTrainer({
  shape,
  backend,
  unroll,
  draftIds: undefined,
  candidates: Number(values.candidates),
  shares: Number(values.shares),
  teacher: {
    embedding: noise(VOCABULARY * shape.width, 0.1),
    output: noise(shape.draftVocabSize * shape.width, 0.1),
    outputNorm: new Float32Array(shape.width).fill(1),
  },
  initial: new Map(
    [...headLayout(shape)].map(([name, [inputs = 1, outputs]]) => [
      name,
      outputs ? noise(inputs * outputs, 1 / Math.sqrt(inputs)) : new Float32Array(inputs).fill(1),
    ]),
  ),
})
const batch = toyBatch()
const large = noise(LARGE * LARGE, 1)
const [products, steps]: [Times[], Times[]] = [[], []]
await trainer.step(batch, { learningRate: 1e-4, stateLoss: 0.1 })
for (let repeat = 0; repeat < repeats; repeat++) {
  products.push(await measureProduct(backend))
  steps.push(await timed(() => trainer.step(batch, { learningRate: 1e-4, stateLoss: 0.1 })))
}
const megabytes = Math.round(trainer.bytes / 2 ** 20)
const evaluation = await timed(() => trainer.evaluate(batch))
const seconds = median(steps.map(({ wall }) => wall))
const limit = (2 * LARGE ** 3) / median(products.map(({ wall }) => wall)) / 1e9
const reached = workOf() / seconds / 1e9
// One thread does not wait for others: its processor time is what the step takes on an idle machine.
const cpuShare =
  (workOf() / median(steps.map(({ cpu }) => cpu))) * (median(products.map(({ cpu }) => cpu)) / (2 * LARGE ** 3))
const result = {
  threads,
  texts,
  length,
  unroll,
  draftVocabulary: shape.draftVocabSize,
  rowsPerSecond: Math.round((texts * length) / seconds),
  candidates: Number(values.candidates),
  shares: Number(values.shares),
  steps,
  products,
  evaluation,
  gflops: reached,
  productGflops: limit,
  share: reached / limit,
  cpuShare,
  megabytes,
}
console.log(
  `${cpuName()}, ${threads} threads; ${texts} texts of ${length} rows, ${unroll} steps, head ${shape.width} wide`,
)
console.log(`products of ${LARGE} x ${LARGE}: ${limit.toFixed(0)} GFLOP/s (median of ${repeats})`)
console.log(
  `a step: ${seconds.toFixed(2)} s, ${result.rowsPerSecond} rows/s, ${reached.toFixed(0)} GFLOP/s needed by the method`,
)
console.log(`that is ${(100 * result.share).toFixed(0)} % of the products' speed; memory ${result.megabytes} MiB`)
if (threads === 1) console.log(`by processor time: ${(100 * cpuShare).toFixed(0)} %`)
console.log(JSON.stringify(result))

/** Seconds. */
interface Times {
  readonly wall: number
  /** Of all threads together. */
  readonly cpu: number
}

async function timed(work: () => Promise<unknown>): Promise<Times> {
  const [start, used] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(used)
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}

/** A large F32 product through the same library. */
async function measureProduct(device: Backend): Promise<Times> {
  using graph = new Graph(device, 16)
  const a = graph.input({ name: 'a', type: TYPE.F32, shape: [LARGE, LARGE] })
  const b = graph.input({ name: 'b', type: TYPE.F32, shape: [LARGE, LARGE] })
  graph.output(graph.training.product(a, b))
  graph.allocate()
  return await device.exclusive(async () => {
    const tries: Times[] = []
    for (let turn = 0; turn < 3; turn++) {
      for (const input of [a, b]) graph.write(input, large)
      tries.push(await timed(() => graph.compute()))
    }
    return tries.reduce((best, each) => (each.wall < best.wall ? each : best))
  })
}

/** Floating-point operations of a step that nobody could leave out. */
function workOf(): number {
  const { width, feedForwardWidth, headCount, kvHeadCount, headDim, draftVocabSize } = shape
  const [q, kv] = [headCount * headDim, kvHeadCount * headDim]
  const answered = Math.floor(length * share)
  const lessons = texts * (answered - 1)
  const rows = texts * Math.min(length, answered + unroll - 2)
  const attention = rows * unroll * headCount * headDim * (length - answered / 2)
  const layer = 2 * width * q + q * width + 3 * width * feedForwardWidth
  const multiplications =
    texts * length * (2 * 3 * width * width + 3 * 2 * width * 2 * kv) +
    3 * rows * (unroll * layer + (unroll - 1) * 2 * width * 2 * kv) +
    6 * attention +
    lessons * width * draftVocabSize * (1 + 3 * unroll)
  return 2 * multiplications
}

function toyBatch(): TrainingBatch {
  const rows = texts * length
  const from = length - Math.floor(length * share)
  return {
    texts,
    length,
    tokens: Int32Array.from({ length: rows }, (_, row) => (row * 7919) % shape.draftVocabSize),
    features: noise(rows * 3 * shape.width, 1),
    states: noise(rows * shape.width, 1),
    answered: Uint8Array.from({ length: rows }, (_, row) => (row % length >= from ? 1 : 0)),
  }
}
