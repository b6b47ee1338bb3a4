// The verification rule without a model: a hand-written next-token table judges a hand-drawn tree.
//
//     npx tsx examples/walk.ts
import { createSampler } from 'heterospec/sample'
import { createTree, renderTree } from 'heterospec/tree'
import { walk } from 'heterospec/verify'

const words = ['the', 'cat', 'dog', 'sat', 'ran']
const follows = [1, 3, 4, 0, 0] // the -> cat -> sat -> the; dog -> ran -> the

const tree = createTree(0)
const cat = tree.add(0, 1, Math.log(0.5))
const dog = tree.add(0, 2, Math.log(0.4))
tree.add(cat, 4, Math.log(0.3))
tree.add(cat, 3, Math.log(0.3))
tree.add(dog, 4, Math.log(0.9))

const scores = {
  logits: (node: number) => Float32Array.from(words, (_, token) => (follows[tree.tokens[node] ?? 0] === token ? 5 : 0)),
  features: () => new Float32Array(0),
}
const { accepted, next, from } = walk.verify({ kind: 'ranked', tree }, scores, createSampler({ temperature: 0 }), [0])
console.log(renderTree(tree, (token) => words[token] ?? '?', { accepted }))
console.log(`then "${words[next] ?? '?'}" (${from})`)
