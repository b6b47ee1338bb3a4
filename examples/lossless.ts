// The point of it all: whatever drafts, and however much, the tokens are those of plain decoding. With chance, too.
//
//     npx tsx examples/lossless.ts [model]
import { load, type SpeculativeOptions } from 'heterospec'

await using engine = await load(process.argv[2])

const ways: Record<string, SpeculativeOptions> = {
  plain: 'off',
  auto: 'auto',
  lookup: { drafter: { method: 'lookup' }, budget: { policy: 'fixed', depth: 8, width: 1, nodes: 8 } },
  recycling: { drafter: { method: 'recycling' }, budget: { policy: 'fixed', depth: 4, width: 3, nodes: 12 } },
}
const prompt = 'one two three, one two three, one two'
for (const temperature of [0, 0.8]) {
  const answers = new Set<string>()
  for (const [name, speculative] of Object.entries(ways)) {
    const result = await engine.complete({ prompt, maxTokens: 30, temperature, seed: 7, speculative })
    console.log(`temperature ${temperature}, ${name}: ${result.speculation.tau.toFixed(2)} tokens per pass`)
    answers.add(result.tokens.join(' '))
  }
  console.log(answers.size === 1 ? 'all the same tokens' : 'different tokens: this is a bug')
}
