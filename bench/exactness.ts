/**
 * Is the output the same with every drafter and budget as without? And the same as libllama's?
 * `npx tsx bench/exactness.ts --per-group 10 --tokens 128 --methods auto,lookup/fixed,...` [--draft-model FILE] [--llama off]
 * Greedy token ids and sampled text (temperature 0.8, seeds) must be identical; the exit code is 1 otherwise. libllama's
 * choices must be ours where both run the same kernels (HETEROSPEC_KERNELS=off); on our own they are only counted.
 */
import { kernelReport } from '../src/ffi/index.ts'
import { openEngine } from '../src/engine/index.ts'
import { openLlama } from './llama.ts'
import { parseMethod } from './methods.ts'
import { benchOptions, onOrOff } from './options.ts'
import { specBench } from './prompts.ts'

const options = await benchOptions({ perGroup: 10 }, { llama: 'on' })
const prompts = specBench(options.perGroup)
await using engine = await openEngine(options.modelPath, { threads: options.threads, speculative: 'off' })
const withLlama = onOrOff('llama', options.extra.llama)
using llama = withLlama ? await openLlama(options.modelPath, { threads: options.threads, context: 4096 }) : undefined
const sameKernels = kernelReport().set === undefined

/** Where libllama's own lead is smaller than this, its choice is a matter of rounding. */
const TIE = 0.05
const differences = new Map<string, number>()
const outputs = new Map<string, number>()
let same = 0
let ties = 0
let wrong = 0
let widestGap = 0
for (const [index, { text }] of prompts.entries()) {
  const prompt = [{ role: 'user', content: text }] as const
  const sampled = index % options.sampledEvery === 0 ? [{ temperature: 0.8, seed: 1000 + index }] : []
  for (const sampling of [{ temperature: 0 }, ...sampled]) {
    const request = { prompt, maxTokens: options.tokens, ...sampling }
    const plain = await engine.complete({ ...request, speculative: 'off' })
    for (const name of options.methods) {
      const result = await engine.complete({ ...request, speculative: parseMethod(name, options.draftModel) })
      const key = `${name} ${sampling.temperature === 0 ? 'greedy' : 'sampled'}`
      const differs = result.tokens.join() !== plain.tokens.join() || result.text !== plain.text
      differences.set(key, (differences.get(key) ?? 0) + (differs ? 1 : 0))
      outputs.set(key, (outputs.get(key) ?? 0) + 1)
    }
    if (sampling.temperature === 0) compareWithLlama(engine.template?.render(prompt) ?? text, plain.tokens)
  }
  process.stderr.write(`\r${index + 1} of ${prompts.length} prompts`)
}
process.stderr.write('\n')

for (const [key, count] of differences)
  console.log(`${key}: ${count} of ${outputs.get(key) ?? 0} outputs differ from plain decoding`)
console.log(
  `libllama: ${same} tokens the same, ${ties} differ at a rounding tie (lead below ${TIE}), ${wrong} differ otherwise`,
)
console.log(
  JSON.stringify({
    prompts: prompts.length,
    tokens: options.tokens,
    differences: Object.fromEntries(differences),
    libllama: { same, ties, wrong, widestGap },
  }),
)
process.exitCode = (sameKernels && wrong > 0) || [...differences.values()].some((count) => count > 0) ? 1 : 0

/** Our tokens are forced on libllama, so that one tie does not hide everything after it. */
function compareWithLlama(rendered: string, tokens: readonly number[]): void {
  if (!llama) return
  llama.clear()
  const ids = engine.tokenizer.tokenize(rendered, { addSpecial: false, parseSpecial: true })
  let next = llama.step(ids)
  for (const token of tokens) {
    if (next.token !== token) widestGap = Math.max(widestGap, next.gap)
    if (next.token === token) same++
    else if (next.gap < TIE) ties++
    else wrong++
    next = llama.step([token])
  }
}
