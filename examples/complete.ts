// One prompt, one answer. The default model is fetched once (94 MB).
//
//     npx tsx examples/complete.ts [model]
import { load } from 'heterospec'

await using engine = await load(process.argv[2])

const { text, timings, speculation } = await engine.complete({
  prompt: [{ role: 'user', content: 'Name three primary colours.' }],
  maxTokens: 60,
})

console.log(text)
console.log(`${timings.predicted_per_second.toFixed(1)} tokens/s, ${speculation.tau.toFixed(2)} tokens per pass`)
