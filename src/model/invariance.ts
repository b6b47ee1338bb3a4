/**
 * Does a row's result depend on how many rows are computed with it? Kernels differ by weight type, CPU and library
 * version, so this is measured on the model's own weights at load time and never assumed. The answer is the number that
 * row counts must be padded to, so that a tree node's logits are bit for bit those of plain decoding.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { cpuName, readEnvironment } from '../util/env.ts'
import { readNote, writeNote } from '../util/notes.ts'
import { Graph, TYPE, type Backend, type Tensor } from '../tensor/index.ts'
import type { Weights } from './weights.ts'
import type { ModelConfig } from './config.ts'
import { layout } from './layout.ts'

export interface RowPadding {
  /** Row counts are rounded up to a multiple of this. */
  readonly multiple: number
  /** False when no multiple that was tried makes rows independent of each other. */
  readonly exact: boolean
}

const PADDINGS = [1, 2, 4, 8, 16]
/** Row counts that cover the kernels' small, tiled and remainder cases. */
const ROW_COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]
const MOST_ROWS = 64
/** Tokens in the vocabulary; toy models are not worth a file. */
const WORTH_A_NOTE = 10_000
/** Enough columns for every tile width; more would only repeat them. */
const PROBE_COLUMNS = 128

/**
 * The smallest padding under which every product of this model treats its rows alike, as measured now or at an earlier
 * start with the same weights, library and CPU. Measuring takes some milliseconds. Matrices that our own kernels took over
 * (`packed`) need no padding: their rows are independent by construction, which the kernels' own tests show.
 */
export async function findRowPadding(
  backend: Backend,
  weights: Weights,
  config: ModelConfig,
  fingerprint: string,
  packed: ReadonlySet<string> = new Set(),
): Promise<RowPadding> {
  const samples = distinctMatrices(weights, config, packed)
  if (samples.length === 0) return { multiple: 1, exact: true }
  const folder = join(readEnvironment().cacheDir, 'paddings')
  const { probe } = backend.ggml
  const identity = [
    fingerprint,
    probe.ggmlCommit,
    probe.cpuLibrary,
    cpuName(),
    backend.device.name,
    ROW_COUNTS,
    packed.size,
  ]
  const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 24)
  const known = readNote(folder, key)
  if (isRowPadding(known)) return known
  const measured = await measureRowPadding(backend, samples)
  if (config.vocabSize >= WORTH_A_NOTE) writeNote(folder, key, measured)
  return measured
}

// ---------------------------------------------------------------------------------------------------------------

function isRowPadding(note: unknown): note is RowPadding {
  const padding = note as RowPadding | null | undefined
  return PADDINGS.includes(padding?.multiple ?? 0) && typeof padding?.exact === 'boolean'
}

async function measureRowPadding(backend: Backend, samples: readonly Sample[]): Promise<RowPadding> {
  let needed = 1
  const results = await backend.exclusive(() => probeRows(backend, samples))
  for (const rows of results) {
    const multiple = PADDINGS.find((padding) => agree(rows, padding))
    if (multiple === undefined) return { multiple: PADDINGS.at(-1) ?? 1, exact: false }
    needed = Math.max(needed, multiple)
  }
  return { multiple: needed, exact: true }
}

interface Sample {
  readonly tensor: Tensor
  readonly repacked: boolean
}

/** One matrix per (type, input width, layout); the head may be the embedding table. */
function distinctMatrices(weights: Weights, config: ModelConfig, packed: ReadonlySet<string>): Sample[] {
  const samples = new Map<string, Sample>()
  for (const { name, role } of layout(config)) {
    const tensor = weights.find(name)
    if (tensor === undefined || role === 'vector' || packed.has(name)) continue
    const repacked = weights.isRepacked(name)
    const key = `${tensor.type}/${tensor.shape[0]}/${repacked}`
    const known = samples.get(key)
    if (!known || (repacked && tensor.shape[1] < known.tensor.shape[1])) samples.set(key, { tensor, repacked })
  }
  return [...samples.values()]
}

/** First and last row of each product as bits, by row count; all rows have the same input. One graph for everything. */
async function probeRows(backend: Backend, samples: readonly Sample[]): Promise<ReadonlyMap<number, Int32Array>[]> {
  using graph = new Graph(backend, samples.length * ROW_COUNTS.length * 4 + 64)
  const probes = samples.map(({ tensor, repacked }) => {
    const input = graph.input({ name: 'probe', type: TYPE.F32, shape: [tensor.shape[0], MOST_ROWS] })
    // A repacked tensor cannot be seen in part.
    const matrix = repacked ? tensor : graph.ops.firstRows(tensor, Math.min(PROBE_COLUMNS, tensor.shape[1]))
    const products = ROW_COUNTS.map((count) => graph.ops.mulMat(matrix, graph.ops.firstRows(input, count)))
    for (const product of products) graph.output(product)
    return { input, products }
  })
  graph.allocate()
  for (const { input } of probes) graph.write(input, pseudoActivations(input.shape[0], MOST_ROWS))
  await graph.compute()
  return probes.map(({ products }) => new Map(products.map((product) => [product.shape[1], edgeRows(graph, product)])))
}

/** The first and the last row: kernels treat remainders at the end differently. */
function edgeRows(graph: Graph, product: Tensor): Int32Array {
  const [width, count] = product.shape
  const values = new Float32Array(width * 2)
  graph.read(product, values.subarray(0, width))
  graph.read(product, values.subarray(width), (count - 1) * width * 4)
  return new Int32Array(values.buffer)
}

function agree(rows: ReadonlyMap<number, Int32Array>, padding: number): boolean {
  let reference: Int32Array | undefined
  for (const [count, bits] of rows) {
    if (count % padding !== 0) continue
    reference ??= bits
    const expected = reference
    if (!bits.every((value, index) => value === expected[index])) return false
  }
  return true
}

/** Every row alike, so that any two results may be compared; values with many different roundings. */
function pseudoActivations(width: number, rows: number): Float32Array {
  const values = new Float32Array(width * rows)
  for (let column = 0; column < width; column++) {
    const value = Math.sin(column * 12.9898 + 1) * (1 + (column % 7) / 3)
    for (let row = 0; row < rows; row++) values[row * width + column] = value
  }
  return values
}
