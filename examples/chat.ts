// A conversation: the second question is understood from the first, whose tokens are still in the cache.
//
//     npx tsx examples/chat.ts [model]
import { load } from 'heterospec'

await using engine = await load(process.argv[2])
const chat = engine.chat({ system: 'You answer in one short sentence.', maxTokens: 40 })

for (const question of ['What is the capital of France?', 'And of Italy?']) {
  console.log(`> ${question}`)
  for await (const event of chat.send(question)) {
    if (event.type === 'text') process.stdout.write(event.text)
    if (event.type === 'done') console.log(`\n[${event.timings.cache_n} of the prompt's tokens were in the cache]`)
  }
}
