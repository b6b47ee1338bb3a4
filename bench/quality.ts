/**
 * Do our passes keep a model's quality? Perplexity, top tokens and distributions against libllama's on the same file.
 *
 *     npx tsx bench/quality.ts --model smollm2-135m --tokens 20000 --threads 2
 *     npx tsx bench/quality.ts --formats all --tokens 20000               # the model in every format of native kernels
 *     npx tsx bench/quality.ts --yardsticks on --tokens 5000              # how far libllama is from itself and the truth
 *
 * --tokens N           real text: Spec-Bench's prompts one after the other, in pieces of 512 that are read on their own;
 *                      the first 64 tokens of each are context only
 * --formats q4_0,q5_K  requantises the model into temporary files and compares on each; `all` for all formats
 * --kernels on|off     native kernels, or ggml's own operations
 * --cut 32             tokens that libllama reads at a time; from 64 on its attention rounds otherwise
 * --yardsticks on      adds libllama at 512 tokens a time, and the same weights as F32 with an F32 cache ("exact")
 *
 * A table; progress on standard error; the last line is JSON.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { weightTypes, type WeightType } from '../scripts/tiny/encoding.ts'
import { loadGguf } from '../src/gguf/index.ts'
import { loadModel, type GraphModel } from '../src/model/index.ts'
import { loadTokenizer } from '../src/text/index.ts'
import { assert, defined } from '../src/util/assert.ts'
import { UsageError } from '../src/util/errors.ts'
import { Divergence, divergenceHead, divergenceRow, type DivergenceSummary } from './divergence.ts'
import { openLibllama, type Libllama, type LlamaText } from '../src/bench/sides/libllama.ts'
import { benchOptions, onOrOff } from './options.ts'
import { specBenchText } from './prompts.ts'
import { describeRun, provenance } from './provenance.ts'
import { requantise } from './requantise.ts'

/** Tokens of a piece, as llama.cpp's perplexity program has it. */
const PIECE = 512
/** Tokens of each piece whose predictions do not count: they know too little. */
const FIRST = 64
const FORMATS: readonly WeightType[] = ['q4_0', 'q4_1', 'q5_0', 'q8_0', 'q4_K', 'q5_K', 'q6_K', 'f16', 'bf16']

const options = await benchOptions({ tokens: 20_000 }, { formats: '', kernels: 'on', cut: '32', yardsticks: 'off' })
const { modelPath, threads, extra } = options
const kernels = onOrOff('kernels', extra.kernels)
const yardsticks = onOrOff('yardsticks', extra.yardsticks)
const pieces = await readPieces()
const folder = mkdtempSync(join(tmpdir(), 'heterospec-quality-'))
const results: { readonly compared: string; readonly file: string; readonly summary: DivergenceSummary }[] = []

try {
  const run = provenance(modelPath, threads, kernels)
  console.log(`${describeRun(run)}\n\n${divergenceHead}`)
  if (extra.formats === '') await compareFile(modelPath, 'as shipped')
  else for (const format of formats()) await compareFormat(format)
  console.log(JSON.stringify({ provenance: run, cut: Number(extra.cut), results }))
} finally {
  rmSync(folder, { recursive: true })
}

// ------------------------------------------------------------------------------------------------------------------

/** A program that reads a piece from the start; logits of rows `FIRST` to the last but one, valid until its next piece. */
interface Reader {
  readonly name: string
  read(piece: readonly number[]): Promise<Float32Array>
}

async function readPieces(): Promise<number[][]> {
  using tokenizer = await loadTokenizer(modelPath)
  const { bos, addsBos } = tokenizer
  const tokens = tokenizer.tokenize(specBenchText(), { addSpecial: false }).slice(0, options.tokens)
  if (tokens.length < options.tokens)
    throw new UsageError('bad-option', `expected at most ${tokens.length} --tokens, got ${options.tokens}`)
  const cut = Array.from({ length: Math.ceil(tokens.length / PIECE) }, (_, index) =>
    tokens.slice(index * PIECE, (index + 1) * PIECE),
  )
  // As llama.cpp does: the first token gives its place to the mark of a text's beginning.
  return cut
    .filter((piece) => piece.length > FIRST + 1)
    .map((piece) => (addsBos && bos !== undefined ? [bos, ...piece.slice(1)] : piece))
}

function formats(): WeightType[] {
  if (extra.formats === 'all') return [...FORMATS]
  return extra.formats.split(',').map((name) => {
    const known = (Object.keys(weightTypes) as WeightType[]).find((type) => type.toLowerCase() === name.toLowerCase())
    if (known === undefined)
      throw new UsageError('bad-option', `expected --formats all or of ${FORMATS.join(', ')}, got "${name}"`)
    return known
  })
}

async function compareFormat(format: WeightType): Promise<void> {
  const path = join(folder, `${format}.gguf`)
  process.stderr.write(`\r${format}: writing the file            `)
  const model = loadGguf(modelPath)
  const typed = await requantise(model, path, format)
  const matrices = model.tensors.filter(({ shape }) => shape.length > 1).length
  const share = typed.length === matrices ? 'all matrices' : `${typed.length} of ${matrices} matrices, else Q8_0`
  assert(typed.length > 0, `no matrix of this model can be ${format}`)
  await compareFile(path, `${format} (${share})`)
  rmSync(path)
}

async function compareFile(path: string, file: string): Promise<void> {
  using llama = await openLibllama(path, { threads, context: PIECE })
  await using model = await open(path, { kernels })
  const theirs = llamaReader('libllama', llama, Number(extra.cut))
  const ours = modelReader('ours', model)
  if (yardsticks) await compareWithYardsticks(path, file, { llama, theirs, ours })
  else await compare(file, [[theirs, ours]])
}

/** Small rounding errors grow on their way through a model: what is the difference of two roundings of the same program? */
async function compareWithYardsticks(
  path: string,
  file: string,
  { llama, theirs, ours }: { llama: Libllama; theirs: Reader; ours: Reader },
): Promise<void> {
  const exactPath = join(folder, 'exact.gguf')
  await requantise(loadGguf(path), exactPath, 'f32')
  await using exactModel = await open(exactPath, { kernels: false, kvType: 'f32' })
  const exact = modelReader('exact', exactModel)
  const atOnce = llamaReader(`libllama at ${PIECE}`, llama.fork(PIECE), PIECE)
  await compare(file, [
    [theirs, ours],
    [theirs, atOnce],
    [exact, theirs],
    [exact, atOnce],
    [exact, ours],
  ])
}

function open(path: string, own: { kernels: boolean; kvType?: 'f32' }): Promise<GraphModel> {
  return loadModel(path, { threads, context: PIECE, ...own })
}

/** Reads every piece with every reader once and prints a row per pair. */
async function compare(file: string, pairs: readonly (readonly [Reader, Reader])[]): Promise<void> {
  const divergences = pairs.map(() => new Divergence())
  const readers = [...new Set(pairs.flat())]
  for (const [index, piece] of pieces.entries()) {
    const logits = new Map<Reader, Float32Array>()
    for (const reader of readers) logits.set(reader, await reader.read(piece))
    for (const [place, [reference, other]] of pairs.entries()) {
      const [one, two] = [defined(logits.get(reference)), defined(logits.get(other))]
      const vocabSize = one.length / (piece.length - 1 - FIRST)
      for (let row = 0; row < piece.length - 1 - FIRST; row++) {
        const [from, to] = [row * vocabSize, (row + 1) * vocabSize]
        divergences[place]?.add(one.subarray(from, to), two.subarray(from, to), defined(piece[FIRST + row + 1]))
      }
    }
    process.stderr.write(`\r${file}: ${Math.min((index + 1) * PIECE, options.tokens)} of ${options.tokens} tokens   `)
  }
  process.stderr.write('\n')
  for (const [place, [reference, other]] of pairs.entries()) {
    const summary = defined(divergences[place]).summary()
    const compared = `${reference.name}, ${other.name}`
    console.log(divergenceRow(`${file}: ${compared}`, summary))
    results.push({ file, compared, summary })
  }
}

function llamaReader(name: string, text: LlamaText, cut: number): Reader {
  const buffer = new Float32Array((PIECE - 1 - FIRST) * text.vocabSize)
  return {
    name,
    read: (piece) => {
      text.clear()
      for (let at = 0; at < piece.length; at += cut) {
        const logits = text.pass(piece.slice(at, at + cut))
        for (let row = Math.max(at, FIRST); row < Math.min(at + cut, piece.length - 1); row++) {
          const from = (row - at) * text.vocabSize
          buffer.set(logits.subarray(from, from + text.vocabSize), (row - FIRST) * text.vocabSize)
        }
      }
      return Promise.resolve(buffer.subarray(0, (piece.length - 1 - FIRST) * text.vocabSize))
    },
  }
}

function modelReader(name: string, model: GraphModel): Reader {
  const { vocabSize } = model.spec
  const buffer = new Float32Array((PIECE - 1 - FIRST) * vocabSize)
  const sequence = model.open()
  return {
    name,
    read: async (piece) => {
      sequence.truncate(0)
      await sequence.prefill(piece, {
        wanted: (index) => index >= FIRST && index < piece.length - 1,
        onRows: (rows) => {
          for (const { index, logits } of rows) buffer.set(logits, (index - FIRST) * vocabSize)
        },
      })
      return buffer.subarray(0, (piece.length - 1 - FIRST) * vocabSize)
    },
  }
}
