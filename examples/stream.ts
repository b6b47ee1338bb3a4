// Prints the answer as it comes; tokens that a drafter guessed right are green.
//
//     npx tsx examples/stream.ts [model]
import { styleText } from 'node:util'
import { load } from 'heterospec'

await using engine = await load(process.argv[2], {
  onPull: ({ done, total }) => process.stderr.write(`\rfetching ${done} of ${total} bytes`),
})

const prompt = 'Repeat this sentence three times: The tree is scored in one pass.'
for await (const event of engine.generate({ prompt: [{ role: 'user', content: prompt }], maxTokens: 60 })) {
  if (event.type === 'text') {
    // A piece may hold several tokens; it is green when all of them were drafted.
    const drafted = event.origins.every((origin) => origin === 'drafted')
    process.stdout.write(drafted ? styleText('green', event.text) : event.text)
  }
  if (event.type === 'done') console.log(`\n[${event.finishReason}, ${event.speculation.rounds} rounds]`)
}
