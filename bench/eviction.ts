/**
 * Hit rates of the two orders in which rows of beginnings go, against the best that any order could do (Belady): requests of many
 * people are replayed without a model, so the table depends on no machine. `npx tsx bench/eviction.ts [seed]`; half a minute.
 */
import { PrefixTree } from '../src/cache/prefix-tree.ts'
import { PREFIX_BLOCK } from '../src/cache/index.ts'
import { Belady, mixes, replayCache, replayOf } from '../test/replay/conversations.ts'

const REQUESTS = 2000
const seed = Number(process.argv[2] ?? 11)
const percent = (hits: number, asked: number): string => ((100 * hits) / asked).toFixed(1).padStart(6)

console.log('| requests | of the working set | blocks | lru % | mark-predict % | best % | wrong of predicted % |')
console.log('| --- | --- | --- | --- | --- | --- | --- |')
for (const [name, mix] of Object.entries(mixes)) {
  const requests = replayOf(mix, REQUESTS, seed)
  const best = new Belady(requests, PREFIX_BLOCK)
  for (const share of [0.25, 0.5, 0.75]) {
    const capacity = Math.ceil(best.workingSet * share)
    const rates = (['lru', 'mark-predict'] as const).map((eviction) => {
      const tree = new PrefixTree(PREFIX_BLOCK, capacity, { eviction })
      return { hits: replayCache(tree, requests), predictions: tree.predictions }
    })
    const { predicted = 0, wrong = 0 } = rates[1]?.predictions ?? {}
    const cells = [name, share, capacity, ...rates.map(({ hits }) => percent(hits, best.asked))]
    console.log(
      `| ${[...cells, percent(best.hits(capacity), best.asked), percent(wrong, predicted || 1)].join(' | ')} |`,
    )
  }
}
