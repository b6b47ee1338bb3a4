// What happens in each round: the tree that was drafted, and the path that the model agreed with.
//
//     npx tsx examples/trace.ts [model]
import { load } from 'heterospec'
import { createTree, renderTree } from 'heterospec/tree'

await using engine = await load(process.argv[2])

const prompt = 'a b c d a b c d a b c'
for await (const event of engine.generate({ prompt, maxTokens: 24, speculative: { budget: { policy: 'fixed' } } })) {
  if (event.type !== 'round') continue
  const { round, tree, emitted, draftMs, targetMs } = event.trace
  const drawn = createTree(tree.tokens[0] ?? 0)
  for (let node = 1; node < tree.tokens.length; node++) {
    drawn.add(tree.parents[node] ?? 0, tree.tokens[node] ?? 0, tree.logProbs[node] ?? 0)
  }
  console.log(
    `round ${round}: ${emitted.length} tokens, draft ${draftMs.toFixed(1)} ms, pass ${targetMs.toFixed(1)} ms`,
  )
  console.log(renderTree(drawn, (token) => engine.tokenizer.detokenize([token]), { accepted: tree.acceptedPath }))
}
