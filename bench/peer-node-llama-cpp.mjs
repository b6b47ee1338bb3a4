/**
 * node-llama-cpp in a process of its own, so that its libraries and ours do not mix: plain JavaScript on plain Node, as
 * its users run it. `bench/peers.ts` starts it. Standard input brings one JSON object a line, each gets one as an answer:
 *
 *     { load: { model, threads, context, ends } }         ->  { threads, context, flashAttention, mmap, llamaCpp }
 *     { decode: { tokens, maxTokens, lookup, lookIn } }   ->  { tokens, ended, promptMs, decodeMs, passes, idleMs, idleCpuMs }
 *
 * `lookup` has the options of its own predictor, or is null for plain decoding; `lookIn` is what the predictor searches.
 * Greedy; stops at a token of `ends`, which does not count as text. It holds no threads between two messages; `idleMs`
 * and `idleCpuMs` prove it: the time since the answer before, and the processor time that was used meanwhile.
 */
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const installed = createRequire(new URL('peers/', import.meta.url))
const { getLlama, InputLookupTokenPredictor } = await import(pathToFileURL(installed.resolve('node-llama-cpp')).href)

const state = { context: undefined, ends: new Set(), answeredAt: 0, cpu: process.cpuUsage() }
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  const answer = message.load ? await load(message.load) : await decode(message.decode)
  state.answeredAt = performance.now()
  state.cpu = process.cpuUsage()
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
process.exit()

// ------------------------------------------------------------------------------------------------------------------

/** Defaults of the package, but for what has to be the same for everyone. Its cache is F16 by default. */
async function load({ model: modelPath, threads, context: contextSize, ends }) {
  const logger = (_level, text) => process.stderr.write(text)
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error', logger })
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
  const context = await model.createContext({
    contextSize,
    threads: { ideal: threads, min: threads },
    flashAttention: true,
  })
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

async function decode({ tokens, maxTokens, lookup, lookIn }) {
  const [idleMs, idleCpuMs] = [performance.now() - state.answeredAt, cpuMs(process.cpuUsage(state.cpu))]
  const started = performance.now()
  const tokenPredictor = lookup === null ? undefined : new InputLookupTokenPredictor(lookup)
  tokenPredictor?.updateInputTokens(lookIn)
  const sequence = state.context.getSequence({ tokenPredictor })
  const made = []
  let ended = false
  let passes = 0
  let drafted = 0
  let firstAt
  let lastAt = started
  for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    lastAt = performance.now()
    firstAt ??= lastAt
    // A token comes either from a pass of its own or from the drafts that an earlier pass confirmed.
    const { used } = sequence.tokenPredictions
    if (made.length > 0 && used === drafted) passes++
    drafted = used
    ended = state.ends.has(token)
    if (!ended) made.push(token)
    if (ended || made.length === maxTokens) break
  }
  // The next text starts with an empty cache.
  await sequence.dispose()
  return { tokens: made, ended, promptMs: firstAt - started, decodeMs: lastAt - firstAt, passes, idleMs, idleCpuMs }
}

function cpuMs({ user, system }) {
  return (user + system) / 1000
}
