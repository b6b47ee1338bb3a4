/**
 * Our draft heads against libllama's own EAGLE-3 on the same files: features, the chain that llama.cpp drafts, and what it
 * says of each step. libllama keeps these functions to itself (they are C++ and may go with any release): where they are missing
 * the test is skipped with the reason. No part of the product uses them.
 */
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import koffi, { type LibraryHandle } from 'koffi'
import { describe, expect, it } from 'vitest'
import { loadGgml, viewMemory, type LlamaContextPtr, type LlamaModelPtr } from '../../src/ffi/index.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel } from '../../src/model/index.ts'
import { findHead, importHead, writeHead } from '../../src/train/index.ts'
import { argMax, logSumExp } from '../../src/util/math.ts'
import type { TinyHeadOptions } from '../../scripts/make-tiny-head.ts'
import { makePublishedHead } from '../fixtures/published-head.ts'
import { someTokens, tinyFile, tinyHeadFile } from '../tiny.ts'

const prototypes = {
  tapLayer: 'void _Z30llama_set_embeddings_layer_inpP13llama_contextjb(void* ctx, uint32_t layer, bool on)',
  tappedLayer: 'void* _Z30llama_get_embeddings_layer_inpP13llama_contextj(void* ctx, uint32_t layer)',
  keepStates: 'void _Z26llama_set_embeddings_nextnP13llama_contextbb(void* ctx, bool on, bool masked)',
  states: 'void* _Z26llama_get_embeddings_nextnP13llama_context(void* ctx)',
  stateOf: 'void* _Z30llama_get_embeddings_nextn_ithP13llama_contexti(void* ctx, int32_t row)',
  encode: 'int32_t llama_encode(void* ctx, llama_batch batch)',
  decode: 'int32_t llama_decode(void* ctx, llama_batch batch)',
} as const

type Functions = Record<keyof typeof prototypes, (...values: unknown[]) => bigint & number>

const variants: Record<string, TinyHeadOptions> = {
  'own output, reduced vocabulary': { vocabularyStep: 2 },
  'a short tokenizer, as "head convert" leaves it': {
    vocabularyStep: 2,
    seed: 3,
    metadata: { 'tokenizer.ggml.merges': { type: 'array', of: 'string', values: [] } },
  },
  'own embedding, rope factors': { ownEmbedding: true, ropeFactors: true },
  'residual from the normed feature, features normed together': { normBeforeResidual: true, normBeforeFusion: true },
}
const targetLayers = [1, 2, 3]
const WIDTH = 128
const STEPS = 5

const missing = findMissing()

describe.skipIf(missing !== undefined)(
  `a head means the same to libllama${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    for (const [name, options] of Object.entries(variants)) {
      it(name, async () => {
        // An output of its own: libllama does not let heads borrow a tied one.
        const path = await tinyFile({ layers: 4, tied: false })
        const headPath = await tinyHeadFile({ ...options, targetLayers })
        await expectSame(path, headPath)
      })
    }

    it('a head that was imported', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'heterospec-oracle-'))
      try {
        const path = await tinyFile({ layers: 4, tied: false })
        const config = (given: Record<string, unknown>): Record<string, unknown> => ({
          ...given,
          eagle_aux_hidden_state_layer_ids: targetLayers,
          rope_scaling: { rope_type: 'linear', factor: 2 },
        })
        await makePublishedHead(join(folder, 'head'), { layout: 'speculators', config })
        const target = loadGguf(path)
        const { contents } = await importHead(await findHead(join(folder, 'head')), target, { name: 'A head' })
        const headPath = join(folder, 'imported.gguf')
        await writeHead(headPath, contents, target, 'f32')
        await expectSame(path, headPath)
      } finally {
        await rm(folder, { recursive: true })
      }
    })
  },
)

// ---------------------------------------------------------------------------------------------------------------

/** Features, and the likeliest tokens of a chain with their probabilities. */
async function expectSame(path: string, headPath: string): Promise<void> {
  const text = someTokens(40)
  const theirs = theirChain(path, headPath, text)
  await using model = await loadModel(path, { context: 256, kernels: false })
  await using head = await loadDraftHead(headPath, model)
  using sequence = model.open()
  sequence.tap(head.spec.taps)
  using read = head.open()!
  const features: Float32Array[] = []
  await sequence.prefill(text.slice(0, -1), { onFeatures: (_, rows) => void features.push(...rows) })
  features.forEach((row, position) => expect(difference(row, theirs.features[position]!)).toBeLessThan(5e-3))
  const rows = features.map((row, position) => ({ position, next: text[position + 1]!, features: row }))
  let guess = (await read.read(rows, 10))!
  for (const [step, logits] of theirs.logits.entries()) {
    const total = logSumExp(logits)
    expect(guess.tokens[0]).toBe(argMax(logits))
    guess.tokens.forEach((token, i) => {
      expect(Math.abs(Math.log(guess.probs[i]!) - (logits[token]! - total))).toBeLessThan(3e-2)
    })
    guess = (await read.draft([{ parent: step - 1, token: guess.tokens[0]! }], 10))[0]!
  }
}

function open(): { library: LibraryHandle; functions: Functions } {
  const ggml = loadGgml()
  ggml.llama() // registers the structs
  const name = readdirSync(ggml.dir).find((file) => /^libllama\.(v[\d.]+\.)?so$/.test(file)) ?? ''
  const library = koffi.load(join(ggml.dir, name))
  const bound = Object.entries(prototypes).map(([key, prototype]) => [key, library.func(prototype)] as const)
  return { library, functions: Object.fromEntries(bound) as unknown as Functions }
}

function findMissing(): string | undefined {
  try {
    open()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

interface TheirChain {
  readonly features: readonly Float32Array[]
  /** [steps][vocabulary] */
  readonly logits: readonly Float32Array[]
}

/** What llama.cpp's `draft-eagle3` does, one text, greedy. */
function theirChain(path: string, headPath: string, text: readonly number[]): TheirChain {
  const { functions } = open()
  const llama = loadGgml().llama()
  const params = { ...llama.llama_model_default_params(), n_gpu_layers: 0 }
  const models = [path, headPath].map((file) => llama.llama_model_load_from_file(file, params) as LlamaModelPtr)
  const vocabSize = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(models[0]!))
  const contexts: LlamaContextPtr[] = []
  try {
    const context = (model: LlamaModelPtr, other: LlamaContextPtr | null): LlamaContextPtr => {
      const settings = { n_ctx: 256, n_threads: 1, n_threads_batch: 1, flash_attn_type: 1, type_k: 1, type_v: 1 }
      const made = llama.llama_init_from_model(model, {
        ...llama.llama_context_default_params(),
        ...settings,
        ctx_other: other,
      } as never)
      contexts.push(made!)
      return made!
    }
    const target = context(models[0]!, null)
    const draft = context(models[1]!, target)
    for (const layer of targetLayers) functions.tapLayer(target, layer, true)
    functions.keepStates(draft, true, true)

    const count = text.length - 1
    run(functions.decode, target, { token: Int32Array.from(text.slice(0, count)) }, count)
    const taps = targetLayers.map((layer) => floats(functions.tappedLayer(target, layer), count * WIDTH))
    const features = Array.from({ length: count }, (_, row) =>
      Float32Array.from(taps.flatMap((tap) => [...tap.subarray(row * WIDTH, (row + 1) * WIDTH)])),
    )
    run(functions.encode, draft, { embd: Float32Array.from(features.flatMap((row) => [...row])) }, count)
    const fused = floats(functions.states(draft), count * WIDTH).slice()

    const logits: Float32Array[] = []
    // Its graph computes all rows and hands out the first ones: only a row that is read alone may be asked for.
    const last = count - 1
    const before = {
      token: Int32Array.from(text.slice(1, count)),
      embd: fused.slice(0, last * WIDTH),
      pos: Int32Array.from({ length: last }, (_, position) => position),
      logits: new Int8Array(last),
    }
    run(functions.decode, draft, before, last)
    let token = text[count]!
    let embd = fused.slice(last * WIDTH)
    for (let step = 0; step < STEPS; step++) {
      const batch = { token: Int32Array.of(token), embd, pos: Int32Array.of(last + step), logits: Int8Array.of(1) }
      run(functions.decode, draft, batch, 1)
      const row = floats(llama.llama_get_logits_ith(draft, -1), vocabSize).slice()
      logits.push(row)
      token = argMax(row)
      embd = floats(functions.stateOf(draft, 0), WIDTH).slice()
    }
    return { features, logits }
  } finally {
    for (const context of contexts.reverse()) llama.llama_free(context)
    for (const model of models) llama.llama_model_free(model)
  }
}

interface Batch {
  readonly token?: Int32Array
  readonly embd?: Float32Array
  readonly pos?: Int32Array
  readonly logits?: Int8Array
}

function run(call: (...values: unknown[]) => number, context: LlamaContextPtr, batch: Batch, rows: number): void {
  const at = (values: Batch[keyof Batch]): bigint | null => (values ? koffi.address(values) : null)
  const { token, embd, pos, logits } = batch
  const places = { token: at(token), embd: at(embd), pos: at(pos), logits: at(logits) }
  const status = call(context, { ...places, n_seq_id: null, seq_id: null, n_tokens: rows })
  if (status !== 0) throw new Error(`expected libllama to read ${rows} rows, it answered ${status}`)
}

function floats(address: bigint, count: number): Float32Array {
  return new Float32Array(viewMemory(address, count * 4))
}

function difference(a: Float32Array, b: Float32Array): number {
  const size = Math.sqrt(b.reduce((sum, value) => sum + value * value, 0))
  return Math.sqrt(b.reduce((sum, value, i) => sum + (value - a[i]!) ** 2, 0)) / size
}
