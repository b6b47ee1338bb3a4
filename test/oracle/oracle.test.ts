/**
 * Our decoding against libllama's on the same file. On ggml's operations both run the same kernels on the same bytes, so on
 * the machines tried the logits are equal bit for bit. Where a CPU's kernels make them differ in the last digits, a greedy choice may differ
 * too, but only where libllama's two best logits are a rounding tie.
 *
 * The prompt is given to libllama in pieces of 32 tokens: from 64 on it takes another way through attention, and its
 * *own* logits then change by up to 1.6 on this model (0.1 to 0.8 in the mean), depending on how the prompt was cut.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadModel, type TargetModel } from '../../src/model/index.ts'
import { createTree } from '../../src/tree/index.ts'
import { argMax } from '../../src/util/math.ts'
import { specBenchFile } from '../../src/bench/suite.ts'
import { openLibllama, type Libllama } from '../../src/bench/sides/libllama.ts'
import { loadTokenizer, type Tokenizer } from '../../src/text/index.ts'
import { Divergence } from '../../bench/divergence.ts'
import type { TinyOptions } from '../../scripts/make-tiny-model.ts'
import { someTokens, tinyFile } from '../tiny.ts'

const questions = [
  'What is the capital of France?',
  'Write a short story about a lighthouse keeper.',
  'Translate into German: The weather is beautiful today.',
  'Summarize: ' + 'The quick brown fox jumps over the lazy dog. The dog does not mind. '.repeat(9),
  'If a train runs 60 miles in 45 minutes, what is its speed in miles per hour?',
  'List the planets of the solar system in order.',
]
const answerLength = 48
/** A lead of this size or less is a tie; the logits spread over about 3. */
const tieGap = 0.01

describe('greedy answers of the default model are those of libllama', () => {
  const seen = { tokens: 0, ties: 0, largestDifference: 0, smallestGap: Infinity }
  let oracle: Libllama
  let model: TargetModel
  let tokenizer: Tokenizer
  beforeAll(async () => {
    oracle = await openLibllama(inject('modelPath'), { context: 512, threads: 1 })
    tokenizer = await loadTokenizer(inject('modelPath'))
    model = await loadModel(inject('modelPath'), { context: 512, threads: 1, kernels: false })
  })
  afterAll(async () => {
    oracle[Symbol.dispose]()
    tokenizer[Symbol.dispose]()
    await model[Symbol.asyncDispose]()
    console.log(
      `libllama: ${seen.tokens} greedy tokens compared, ${seen.ties} rounding ties; logits differ by at most ` +
        `${seen.largestDifference.toExponential(1)}, the closest choice was won by ${seen.smallestGap.toExponential(1)}`,
    )
  })

  for (const question of questions) {
    it(question.slice(0, 60), async () => {
      using sequence = model.open()
      const text = `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`
      const prompt = tokenizer.tokenize(text, { parseSpecial: true })
      oracle.clear()
      let theirs = oracle.step(prompt)
      let ours = (await sequence.prefill(prompt)).logits(0)
      for (let step = 1; ; step++) {
        const choice = argMax(ours)
        seen.tokens++
        seen.largestDifference = Math.max(seen.largestDifference, largestDifference(ours, theirs.logits))
        seen.smallestGap = Math.min(seen.smallestGap, theirs.gap)
        if (choice !== theirs.token) {
          seen.ties++
          expect(theirs.gap, `token ${step}: ${choice} here, ${theirs.token} there`).toBeLessThan(tieGap)
        }
        if (step === answerLength) return
        // Both go on with our choice, so that a tie does not hide what follows it.
        theirs = oracle.step([choice])
        const [scores] = await model.score([{ sequence, tree: createTree(choice) }])
        ours = scores!.logits(0)
        sequence.commit([])
      }
    })
  }
})

describe('tiny models mean the same to libllama', () => {
  const variants: Record<string, TinyOptions> = {
    'linear rope': { rope: { kind: 'linear', factor: 4 } },
    YaRN: { rope: { kind: 'yarn', factor: 4, originalContext: 64 } },
    'YaRN, qwen2': { architecture: 'qwen2', rope: { kind: 'yarn', factor: 8, originalContext: 128 } },
    'Llama-3 factors': { rope: { kind: 'llama3', factor: 8, originalContext: 64 } },
    'biases, own head, three files': { architecture: 'qwen2', tied: false, files: 3 },
  }
  for (const [name, options] of Object.entries(variants)) {
    it(name, async () => {
      const path = await tinyFile(options)
      using oracle = await openLibllama(path, { context: 512, threads: 1 })
      await using model = await loadModel(path, { context: 512, kernels: false })
      using sequence = model.open()
      const tokens = someTokens(150)
      const ours = (await sequence.prefill(tokens)).logits(0)
      // 2e-6 was measured: products of float32 weights are summed in another order here and there.
      expect(largestDifference(ours, oracle.step(tokens).logits)).toBeLessThan(1e-3)
    })
  }
})

describe('our own kernels', () => {
  it('stay as near to libllama as libllama stays to itself when it reads in larger pieces', async () => {
    using oracle = await openLibllama(inject('modelPath'), { context: 512, threads: 1 })
    using tokenizer = await loadTokenizer(inject('modelPath'))
    await using model = await loadModel(inject('modelPath'), { context: 512, threads: 1 })
    using sequence = model.open()
    // A text that no change of ours touches.
    const suite = readFileSync(specBenchFile, 'utf8')
    const text = tokenizer.tokenize(suite).slice(0, 240)
    const ours: Float32Array[] = []
    await sequence.prefill(text, {
      wanted: () => true,
      onRows: (rows) => void ours.push(...rows.map(({ logits }) => logits.slice())),
    })
    const divergence = new Divergence()
    for (const [index, token] of text.slice(0, -1).entries()) {
      const theirs = oracle.step([token])
      if (index >= 16) divergence.add(theirs.logits, ours[index]!, text[index + 1]!)
    }
    const { meanKl, topAgreement } = divergence.summary()
    // Both round activations to 8 bits, each in its own way; libllama at 512 tokens a time against itself at 32 a time has
    // a mean divergence of 3.4e-3 nats and 95.9 % equal choices (bench/quality.ts --yardsticks on).
    expect(meanKl).toBeLessThan(8e-3)
    expect(topAgreement).toBeGreaterThan(0.9)
  })
})

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((worst, value, id) => Math.max(worst, Math.abs(value - b[id]!)), 0)
}
