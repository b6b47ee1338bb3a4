/** Threads of several models in one process: they do not wait for each other for ever, and they sleep when nobody asks. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../src/model/index.ts'
import { bitsOf, someTokens, someTree, tinyFile } from '../tiny.ts'

describe.each([true, false])('kernels: %s', (kernels) => {
  it('two models with two threads each work side by side', async () => {
    const path = await tinyFile({ weightType: 'q8_0', width: 256 })
    await using one = await loadModel(path, { kernels, threads: 2, context: 256 })
    await using two = await loadModel(path, { kernels, threads: 2, context: 256 })
    const answers = await Promise.all(
      [one, two].map(async (model) => {
        using sequence = model.open()
        await sequence.prefill(someTokens(40))
        const tree = someTree(7, 12)
        for (let round = 0; round < 20; round++) await model.score([{ sequence, tree }])
        const [scores] = await model.score([{ sequence, tree }])
        return bitsOf(scores!.logits(11))
      }),
    )
    expect(answers[1]).toEqual(answers[0])
  })

  it.runIf(process.platform === 'linux')('the threads of an idle model sleep', async () => {
    await using model = await loadModel(await tinyFile({ weightType: 'q8_0', width: 256 }), { kernels, threads: 2 })
    using sequence = model.open()
    await sequence.prefill(someTokens(40))
    // One that spins is never found asleep, however busy the machine; others of this process may be at work now and then.
    const awake = new Set(threadsAtWork())
    await expect
      .poll(
        () => {
          const now = new Set(threadsAtWork())
          for (const thread of awake) if (!now.has(thread)) awake.delete(thread)
          return [...awake]
        },
        { timeout: 60_000, interval: 20 },
      )
      .toEqual([])
  })
})

/** Threads of this process, but for the one that asks, that run or would if they had a processor. */
function threadsAtWork(): string[] {
  return readdirSync('/proc/self/task').filter((thread) => {
    if (thread === String(process.pid)) return false
    try {
      // The state stands behind the name, which is in brackets and may hold anything.
      return /^.*\) R/s.test(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8'))
    } catch {
      return false // it has ended meanwhile
    }
  })
}
