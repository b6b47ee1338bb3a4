/** Threads of several models in one process: they do not wait for each other for ever, and they sleep when nobody asks. */
import { setTimeout as sleep } from 'node:timers/promises'
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

  it('an idle model burns no processor', async () => {
    await using model = await loadModel(await tinyFile({ weightType: 'q8_0', width: 256 }), { kernels, threads: 2 })
    using sequence = model.open()
    await sequence.prefill(someTokens(40))
    await sleep(200)
    const before = process.cpuUsage()
    await sleep(500)
    const { user, system } = process.cpuUsage(before)
    // A spinning thread would take all of the half second.
    expect((user + system) / 1000).toBeLessThan(250)
  })
})
