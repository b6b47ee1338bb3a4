/**
 * Texts that share the passes of a draft head or a draft model: each gets the guesses, the trees and the text that it gets alone, bit
 * for bit, and there are fewer passes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DrafterOptions } from '../../src/draft/index.ts'
import { openEngine, type Engine, type GenerateRequest } from '../../src/engine/index.ts'
import { liveHandles, loadKernels } from '../../src/ffi/index.ts'
import { loadDraftHead, loadModel, type HeadGuess, type HeadNode, type HeadSequence } from '../../src/model/index.ts'
import { someTokens, tinyFile, tinyHeadFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-shared-drafts-'))
})
afterAll(async () => {
  await rm(cacheDir, { recursive: true })
  expect(liveHandles()).toEqual({})
})

const TEXTS = [...Array(8).keys()]
/** A vocabulary that our kernels take: then all of the head is theirs. */
const draftVocabSize = 128
/** Of the tiny head: three taps of the tiny model's width. */
const FEATURES = 3 * 128
const hasKernels = loadKernels() !== undefined

describe('a head that several texts ask', () => {
  it.skipIf(!hasKernels)('guesses for each what it guesses for it alone, in passes of all', async () => {
    const alone = await lives('q8_0', true, 'one by one')
    const together = await lives('q8_0', true, 'at once')
    expect(together.guesses).toEqual(alone.guesses)
    expect(alone).toMatchObject({ passes: alone.wishes })
    expect(together.wishes).toBe(alone.wishes)
    expect(together.passes).toBeLessThan(together.wishes / 2)
  })

  it.each(['q8_0', 'f32'] as const)('and shares nothing on operations that round by the number of rows, %s', async (type) => {
    const alone = await lives(type, false, 'one by one')
    const together = await lives(type, false, 'at once')
    expect(together).toEqual(alone)
  })
})

describe('requests that draft side by side', () => {
  const budget = { policy: 'fixed', depth: 3, width: 2, nodes: 6 } as const
  const requests = TEXTS.map((text): GenerateRequest => ({
    prompt: Int32Array.from(someTokens(3 + 40 * (text % 4), 1 + text)),
    maxTokens: 24,
    ignoreEos: true,
    temperature: text % 2,
    seed: 5 + text,
  }))

  const drafters: Record<string, (target: string) => Promise<DrafterOptions>> = {
    'a head': async () => ({ method: 'eagle3', path: await tinyHeadFile({ weightType: 'q8_0', draftVocabSize }) }),
    'a model': async () => ({ method: 'model', path: await tinyFile({ weightType: 'q8_0', seed: 12 }) }),
    'a model like the target': async (path) => ({ method: 'model', path }),
  }

  it.each(Object.keys(drafters).flatMap((name) => [true, false].map((kernels) => [name, kernels] as const)))(
    '%s, kernels: %s: trees and texts of each are those that it has alone',
    async (name, kernels) => {
      const path = await tinyFile({ weightType: 'q8_0', seed: 3 })
      const drafter = await drafters[name]!(path)
      const base = { threads: 1, cacheDir, context: 256, kernels, speculative: { drafter, budget } }
      await using single = await openEngine(path, base)
      await using shared = await openEngine(path, { ...base, sequences: 8 })
      const alone: object[][] = []
      for (const request of requests) alone.push(await roundsOf(single, request))
      expect(alone.flat().length).toBeGreaterThan(50)
      expect(await Promise.all(requests.map((request) => roundsOf(shared, request)))).toEqual(alone)
    },
  )
})

// ---------------------------------------------------------------------------------------------------------------

interface Lives {
  /** By text, in the order of its questions. */
  readonly guesses: readonly (readonly object[])[]
  readonly passes: number
  readonly wishes: number
}

/** Eight texts of several lengths are read, drafted below, cut and read again. */
async function lives(weightType: 'q8_0' | 'f32', kernels: boolean, how: 'one by one' | 'at once'): Promise<Lives> {
  await using model = await loadModel(await tinyFile({ weightType }), { threads: 1, context: 400, kernels, cacheDir })
  await using head = await loadDraftHead(await tinyHeadFile({ weightType, draftVocabSize }), model, { sequences: 8, kernels })
  const texts = TEXTS.map(() => head.open()!)
  const guesses: object[][] = []
  if (how === 'at once') guesses.push(...(await Promise.all(texts.map(live))))
  else for (const [index, text] of texts.entries()) guesses.push(await live(text, index))
  for (const text of texts) text[Symbol.dispose]()
  return { guesses, ...head.totals }
}

async function live(text: HeadSequence, index: number): Promise<object[]> {
  const said: object[] = []
  const tokens = someTokens(400, 20 + index)
  const read = async (first: number, count: number): Promise<void> => {
    const rows = Array.from({ length: count }, (_, row) => ({
      ...{ position: first + row, next: tokens[first + row]! },
      features: Float32Array.from({ length: FEATURES }, (__, at) => Math.sin(at * (first + row + 1) + index)),
    }))
    said.push(bitsOf((await text.read(rows, 5))!))
  }
  const draft = async (nodes: readonly HeadNode[]): Promise<void> => {
    said.push(...(await text.draft(nodes, 5)).map(bitsOf))
  }
  const length = 1 + 43 * index
  await read(0, length)
  for (let round = 0; round < 3; round++) {
    await draft(tokens.slice(0, 1 + (index % 3)).map((token) => ({ parent: -1, token })))
    await draft(tokens.slice(7, 9 + (index % 2)).map((token) => ({ parent: index % 3, token })))
    await draft([{ parent: 1 + (index % 3), token: 9 }])
    await read(text.length, 1 + ((index + round) % 4))
  }
  text.truncate(length)
  await read(length, 2)
  return said
}

function bitsOf({ tokens, probs }: HeadGuess): object {
  return { tokens, probs: [...new Int32Array(probs.slice().buffer)] }
}

/** What was drafted and emitted in every round of a request. */
async function roundsOf(engine: Engine, request: GenerateRequest): Promise<object[]> {
  const rounds: object[] = []
  for await (const event of engine.generate(request)) {
    if (event.type !== 'round') continue
    const { emitted, tree, pruned } = event.trace
    rounds.push({ emitted, tree, pruned })
  }
  return rounds
}
