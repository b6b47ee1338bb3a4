/**
 * Plain decoding against libllama in the same process, token by token in turns, and the share of our own host work:
 * `npx tsx bench/plain.ts --tokens 300`. Prints ratios; the last line is JSON.
 */
import { bestTokens, chainTree, createTree } from '../src/tree/index.ts'
import { loadModel } from '../src/model/index.ts'
import { defined } from '../src/util/assert.ts'
import { argMax } from '../src/util/math.ts'
import { loadTokenizer } from '../src/text/index.ts'
import { openLibllama } from '../src/bench/sides/libllama.ts'
import { benchOptions } from './options.ts'
import { quartiles, showInterval as show } from '../src/bench/index.ts'

const options = await benchOptions({ tokens: 300 })
const { threads, tokens } = options
using tokenizer = await loadTokenizer(options.modelPath)
using llama = await openLibllama(options.modelPath, { threads, context: 2048 })
await using model = await loadModel(options.modelPath, { threads, context: 2048 })
using sequence = model.open()

const prompt = tokenizer.tokenize('Once upon a time there was a small engine that wanted to be fast, and so it')
llama.step(prompt)
let ours = argMax((await sequence.prefill(prompt)).logits(0))
let equal = 0
const ratios: number[] = []
const hostShares: number[] = []
for (let index = 0; index < tokens; index++) {
  let started = performance.now()
  // Both read our choice, so that one rounding tie does not hide what follows it.
  const theirs = llama.step([ours]).token
  const theirMs = performance.now() - started

  const computedBefore = model.totals.computeMs
  started = performance.now()
  const [scores] = await model.score([{ sequence, tree: createTree(ours) }])
  ours = argMax((scores as NonNullable<typeof scores>).logits(0))
  sequence.commit([])
  const ourMs = performance.now() - started
  if (theirs === ours) equal++
  if (index >= 20) {
    ratios.push(theirMs / ourMs)
    hostShares.push(1 - (model.totals.computeMs - computedBefore) / ourMs)
  }
}

const treeShares: number[] = []
const chain = chainTree(new Array<number>(17).fill(ours))
for (let index = 0; index < 40; index++) {
  const computedBefore = model.totals.computeMs
  const started = performance.now()
  const [scores] = await model.score([{ sequence, tree: chain }])
  // What a greedy walk asks for, at every node.
  for (let node = 0; node < 17; node++) bestTokens(defined(scores), node, 1)
  sequence.commit([1, 2, 3])
  if (index >= 5) treeShares.push(1 - (model.totals.computeMs - computedBefore) / (performance.now() - started))
}

const result = {
  speedOverLlama: quartiles(ratios),
  hostSharePlain: quartiles(hostShares),
  hostShareAt16Nodes: quartiles(treeShares),
  equalTokens: `${equal} of ${tokens}`,
}
console.log(`plain decoding, speed over libllama (median, quartiles): ${show(result.speedOverLlama, 3)}`)
console.log(`host work of a plain step (share):                       ${show(result.hostSharePlain, 3)}`)
console.log(`host work of a pass and walk over 16 nodes (share):      ${show(result.hostShareAt16Nodes, 3)}`)
console.log(`tokens equal to libllama's:                              ${result.equalTokens}`)
console.log(JSON.stringify(result))
