// Stops an answer after half a second. The pass in flight ends, memory is freed, and the engine takes the next request.
//
//     npx tsx examples/abort.ts [model]
import { load } from 'heterospec'

await using engine = await load(process.argv[2])

const result = await engine.complete({
  prompt: 'Once upon a time',
  maxTokens: 1000,
  ignoreEos: true,
  signal: AbortSignal.timeout(500),
})
console.log(`${result.finishReason} after ${result.tokens.length} tokens`)

const next = await engine.complete({ prompt: 'Once upon a time', maxTokens: 5 })
console.log(`${next.finishReason} after ${next.tokens.length} tokens`)
