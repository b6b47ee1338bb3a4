/**
 * What runs in node-llama-cpp's own process (see `node-child.ts` for the manner of speaking), so that its libraries and
 * ours do not mix:
 *
 *     { load: { entry, model, draftModel, threads, context, ends } }  ->  { threads, context, flashAttention, mmap, llamaCpp }
 *     { decode: { tokens, maxTokens, lookIn, predictor } }            ->  { tokens, ended, firstTokenMs, decodeMs, calls, ... }
 *
 * `predictor` is null for plain decoding, `{ lookup: options }` or `{ draft: options }` for one of the package's own;
 * `lookIn` is what lookup searches. Greedy; stops at a token of `ends`, which does not count as text. All defaults are the
 * package's but for what has to be the same for everyone; its cache is F16 by default. No backslashes, no backticks.
 */
export const nodeLlamaCppScript = `
import { createInterface } from 'node:readline'

console.log = console.error // standard output is for answers
process.execArgv.length = 0 // the package forks itself to try its libraries, and would pass our script on
const cancelled = new Set()
const state = {}
let queue = Promise.resolve()
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const message = JSON.parse(line)
  if (message.cancel === undefined) queue = queue.then(() => serve(message))
  else cancelled.add(message.cancel)
})
// Nobody is there any more. An orderly exit would wait for the pass under way.
lines.on('close', () => process.kill(process.pid, 'SIGKILL'))

async function serve({ id, load: settings, decode: task }) {
  let answer
  try {
    answer = { id, ok: settings ? await load(settings) : await decode(id, task) }
  } catch (error) {
    answer = { id, error: String(error?.message ?? error) }
  }
  process.stdout.write(JSON.stringify(answer) + String.fromCharCode(10))
}

async function load({ entry, model: modelPath, draftModel, threads, context: contextSize, ends }) {
  state.package = await import(entry)
  const logger = (_level, text) => process.stderr.write(text)
  const llama = await state.package.getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error', logger })
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
  const options = { contextSize, flashAttention: true }
  const context = await model.createContext({ ...options, threads: { ideal: threads, min: threads } })
  if (draftModel) {
    const smaller = await llama.loadModel({ modelPath: draftModel, gpuLayers: 0 })
    state.draftContext = await smaller.createContext({ ...options, threads: { ideal: threads, min: 1 } })
  }
  state.context = context
  state.ends = new Set(ends)
  return {
    threads: context.currentThreads,
    context: context.contextSize,
    flashAttention: context.flashAttention,
    mmap: model.useMmap,
    llamaCpp: llama.llamaCppRelease.release,
  }
}

async function decode(id, { tokens, maxTokens, lookIn, predictor }) {
  const started = performance.now()
  const draftSequence = predictor?.draft && state.draftContext.getSequence()
  const tokenPredictor = createPredictor(predictor, draftSequence, lookIn)
  const sequence = state.context.getSequence({ tokenPredictor })
  try {
    return await read(id, sequence, { tokens, maxTokens, started })
  } finally {
    // The next text starts with an empty cache. A drafter at work in the background stops with it.
    await sequence.dispose()
    await draftSequence?.dispose()
  }
}

function createPredictor(predictor, draftSequence, lookIn) {
  if (draftSequence) return new state.package.DraftSequenceTokenPredictor(draftSequence, predictor.draft)
  if (!predictor) return undefined
  const lookup = new state.package.InputLookupTokenPredictor(predictor.lookup)
  lookup.updateInputTokens(lookIn)
  return lookup
}

async function read(id, sequence, { tokens, maxTokens, started }) {
  const made = []
  let ended = false
  let calls = 0
  let used = 0
  let draftedWithPrompt = 0
  let firstAt = started
  let lastAt = started
  for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    if (cancelled.has(id)) break
    lastAt = performance.now()
    const counts = sequence.tokenPredictions
    if (made.length === 0) {
      firstAt = lastAt
      draftedWithPrompt = counts.validated + counts.refuted
    }
    // A token comes either from a pass of its own or from the drafts that an earlier pass confirmed.
    else if (counts.used === used) calls++
    used = counts.used
    ended = state.ends.has(token)
    if (!ended) made.push(token)
    if (ended || made.length === maxTokens) break
  }
  const { validated, refuted } = sequence.tokenPredictions
  const drafted = validated + refuted
  const verified = calls + drafted - draftedWithPrompt
  const times = { firstTokenMs: firstAt - started, decodeMs: lastAt - firstAt }
  return { tokens: made, ended, ...times, calls, verified, drafted, accepted: validated }
}
`
