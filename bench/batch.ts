/**
 * What speculation brings or costs those who share passes, without HTTP: blocks of answers in the library, some at a time, with and
 * without it in turns whose order is drawn anew each round. `npx tsx bench/batch.ts --clients 4 --methods auto,auto/heterospec-cost
 * --threads 1 --tokens 64 --repeats 36`. Ratios against `off` (geometric means); `off again` tells which differences mean nothing. The
 * last line is JSON.
 *
 * Further flags: --per-client 2 (answers of a block, one after the other) --longest 600 (characters of a prompt) --question TEXT (the
 * same for all)
 */
import { loadSuite } from '../src/bench/index.ts'
import { derived, shuffled } from '../src/bench/load/draws.ts'
import { speculativeOf } from '../src/bench/load/serve.ts'
import { geometricMean, showInterval } from '../src/bench/statistics.ts'
import { openEngine, type SpeculativeOptions } from '../src/engine/index.ts'
import { benchOptions } from './options.ts'

/** Of the order in which sides take their turns. */
const SEED = 1

const options = await benchOptions(
  { tokens: 64, repeats: 20 },
  { clients: '4', methods: 'auto', 'per-client': '2', longest: '600', question: '' },
)
const { threads, tokens: maxTokens, extra } = options
const [clients, perClient] = [Number(extra.clients), Number(extra['per-client'])]
await using engine = await openEngine(options.modelPath, { threads, context: 1024, sequences: clients })
const prompts = loadSuite()
  .questions.map(({ turns }) => turns[0] ?? '')
  .filter((prompt) => prompt.length <= Number(extra.longest))

/** Milliseconds of one block: each client asks again when it has its answer. */
async function block(speculative: SpeculativeOptions, round: number): Promise<number> {
  const began = performance.now()
  const ask = async (client: number): Promise<void> => {
    for (let turn = 0; turn < perClient; turn++) {
      const at = (round * clients + client) * perClient + turn
      const content = extra.question === '' ? (prompts[at % prompts.length] ?? '') : extra.question
      await engine.complete({
        ...{ prompt: [{ role: 'user', content }], maxTokens, speculative, cachePrompt: false },
        ...{ temperature: 0, ignoreEos: true },
      })
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)))
  return performance.now() - began
}

const sides = new Map<string, SpeculativeOptions>([
  ['off', 'off'],
  ['off again', 'off'],
  ...extra.methods.split(',').map((name) => [name, speculativeOf(name) as SpeculativeOptions] as const),
])
const times = new Map([...sides.keys()].map((name) => [name, [] as number[]]))
const names = [...sides.keys()]
for (let round = -1; round < options.repeats; round++) {
  for (const index of shuffled(derived(SEED, round + 1), names.length)) {
    const name = names[index] ?? 'off'
    const ms = await block(sides.get(name) ?? 'off', round + 1)
    if (round >= 0) times.get(name)?.push(ms)
  }
}
const result = names.slice(1).map((name) => {
  const rate = geometricMean((times.get(name) ?? []).map((ms, round) => (times.get('off')?.[round] ?? NaN) / ms))
  console.log(`${clients} clients, ${name}: ${showInterval(rate, 3)}`)
  return { name, rate }
})
console.log(JSON.stringify({ clients, perClient, threads, maxTokens, rounds: options.repeats, result }))
