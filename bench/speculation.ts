/**
 * Speculation against plain decoding by Spec-Bench group, prompt by prompt in turns, order rotated:
 * `npx tsx bench/speculation.ts --per-group 5 --tokens 128 --methods auto`. Prints ratios; the last line is JSON.
 * A method whose tokens differ from plain decoding's is reported as failed, not as fast.
 */
import { openEngine, type GenerateResult, type SpeculativeOptions } from '../src/engine/index.ts'
import { parseMethod } from './methods.ts'
import { benchOptions } from './options.ts'
import { specBench } from './prompts.ts'
import { geometricMean, show } from './statistics.ts'

const options = await benchOptions({ perGroup: 3 })
const methods = new Map<string, SpeculativeOptions>([
  ['off', 'off'],
  ...options.methods.map((name): [string, SpeculativeOptions] => [name, parseMethod(name, options.draftModel)]),
])
await using engine = await openEngine(options.modelPath, { threads: options.threads, speculative: 'auto' })
await engine.complete({ prompt: [{ role: 'user', content: 'Say hello.' }], maxTokens: 24 }) // warm-up, not counted

interface Row {
  readonly group: string
  readonly method: string
  readonly decode: number
  readonly endToEnd: number
  readonly tau: number
  readonly same: boolean
}

const rows: Row[] = []
const prompts = specBench(options.perGroup)
for (const [index, prompt] of prompts.entries()) {
  const names = [...methods.keys()]
  const order = names.map((_, place) => names[(place + index) % names.length] as string)
  const results = new Map<string, GenerateResult>()
  for (const name of order) {
    const request = {
      prompt: [{ role: 'user', content: prompt.text }] as const,
      maxTokens: options.tokens,
      cachePrompt: false,
    }
    results.set(name, await engine.complete({ ...request, speculative: methods.get(name) }))
  }
  const plain = results.get('off') as GenerateResult
  for (const [name, result] of results) {
    if (name === 'off') continue
    rows.push({
      group: prompt.group,
      method: name,
      decode: plain.timings.predicted_ms / result.timings.predicted_ms,
      endToEnd: total(plain) / total(result),
      tau: result.speculation.tau,
      same: result.tokens.join() === plain.tokens.join(),
    })
  }
  process.stderr.write(`\r${index + 1} of ${prompts.length} prompts`)
}
process.stderr.write('\n')

const summary = [...methods.keys()].slice(1).flatMap((method) =>
  [...new Set(prompts.map((prompt) => prompt.group)), 'all'].map((group) => {
    const own = rows.filter((row) => row.method === method && (group === 'all' || row.group === group))
    return {
      method,
      group,
      decode: geometricMean(own.map((row) => row.decode)),
      endToEnd: geometricMean(own.map((row) => row.endToEnd)),
      tau: own.reduce((sum, row) => sum + row.tau, 0) / own.length,
      different: own.filter((row) => !row.same).length,
    }
  }),
)
console.log('| method | group | decode speed-up | end to end | tau | texts that differ |\n|---|---|---|---|---|---|')
for (const row of summary) {
  console.log(
    `| ${row.method} | ${row.group} | ${show(row.decode, 2)} | ${show(row.endToEnd, 2)} | ${row.tau.toFixed(2)} | ${row.different} |`,
  )
}
const peak = process.resourceUsage().maxRSS * 1024
const spec = engine.spec
const allowed = spec.weightBytes + spec.kvBytesPerToken * engine.context
console.log(`peak memory: ${(peak / 2 ** 20).toFixed(0)} MiB; weights and cache: ${(allowed / 2 ** 20).toFixed(0)} MiB`)
console.log(JSON.stringify({ summary, peakBytes: peak, weightAndCacheBytes: allowed }))

function total({ timings }: GenerateResult): number {
  return timings.prompt_ms + timings.predicted_ms
}
