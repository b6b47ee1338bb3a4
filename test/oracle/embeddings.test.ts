/** Vectors of texts against libllama's on the same files, for every pooling. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import koffi from 'koffi'
import { expect, inject, it } from 'vitest'
import { openEngine, type Pooling } from '../../src/engine/index.ts'
import { loadGgml, viewMemory } from '../../src/ffi/index.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { someTokens, tinyFile } from '../tiny.ts'

/** libllama's numbers. */
const poolings: Readonly<Record<Pooling, number>> = { mean: 1, cls: 2, last: 3 }

/** One chunk, several, and a single token. From 64 rows on libllama takes another way through attention. */
const all = [20, 100, 1]

it.each([
  ['a tiny llama', () => tinyFile({}), false, all, 5e-3],
  ['a tiny qwen2', () => tinyFile({ architecture: 'qwen2', tied: false }), false, all, 5e-3],
  // Our kernels round activations to 8 bits, libllama's in other groups.
  ['the default model, with our kernels', () => Promise.resolve(inject('modelPath')), true, [12], 0.05],
] as const)('vectors of %s are those of libllama', async (_, file, kernels, lengths, most) => {
  const path = await file()
  const texts = lengths.map((length, index) => someTokens(length, index))
  const theirs = theirVectors(path, texts)
  await using engine = await openEngine(path, { threads: 1, context: 256, kernels, speculative: 'off' })
  for (const pooling of Object.keys(poolings) as Pooling[]) {
    for (const [index, text] of texts.entries()) {
      const { vector, tokens } = await engine.embed({ input: Int32Array.from(text), pooling })
      expect(tokens).toBe(text.length)
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
      const other = theirs(pooling)[index] ?? new Float32Array(0)
      expect(distance(vector, other), `${pooling}, text ${index}`).toBeLessThan(most)
    }
  }
})

// ---------------------------------------------------------------------------------------------------------------

/** Of length 1, as ours. The model is loaded once. */
function theirVectors(
  path: string,
  texts: readonly (readonly number[])[],
): (pooling: Pooling) => readonly Float32Array[] {
  const ggml = loadGgml()
  const llama = ggml.llama()
  const name = readdirSync(ggml.dir).find((file) => /^libllama\.(v[\d.]+\.)?so$/.test(file)) ?? ''
  const pooled = koffi.load(join(ggml.dir, name)).func('void* llama_get_embeddings_seq(void* ctx, int32_t sequence)')
  const model = llama.llama_model_load_from_file(path, { ...llama.llama_model_default_params(), n_gpu_layers: 0 })
  if (model === null) throw new Error(`expected libllama to load ${path}, it did not`)
  const read = (pooling: Pooling): Float32Array[] => {
    const context = llama.llama_init_from_model(model, {
      ...llama.llama_context_default_params(),
      ...{ n_ctx: 256, n_threads: 1, n_threads_batch: 1, flash_attn_type: 1, type_k: 1, type_v: 1 },
      ...{ embeddings: true, pooling_type: poolings[pooling] },
    })
    if (context === null) throw new Error('expected a context of libllama, got none')
    const vectors = texts.map((text) => {
      llama.llama_memory_clear(llama.llama_get_memory(context), true)
      const ids = Int32Array.from(text)
      const status = llama.llama_decode(context, llama.llama_batch_get_one(ids, ids.length))
      if (status !== 0) throw new Error(`expected libllama to read ${ids.length} tokens, it answered ${status}`)
      const row = new Float32Array(viewMemory(pooled(context, 0) as bigint, widthOf(path) * 4)).slice()
      const length = Math.hypot(...row)
      return row.map((value) => value / length)
    })
    llama.llama_free(context)
    return vectors
  }
  const all = { mean: read('mean'), cls: read('cls'), last: read('last') }
  llama.llama_model_free(model)
  return (pooling) => all[pooling]
}

function widthOf(path: string): number {
  return loadGguf(path).tensors.find(({ name }) => name === 'output_norm.weight')?.shape[0] ?? 0
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((value, index) => value - (b[index] ?? NaN)))
}
