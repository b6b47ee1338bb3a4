/** A head for a tiny model, from texts to a file that drafts: features, a run in pieces, training further, refusals. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { liveHandles } from '../../src/ffi/index.ts'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadDraftHead, loadModel } from '../../src/model/index.ts'
import { createFeatureReader } from '../../src/train/run/features.ts'
import { encodeHalf } from '../../src/train/run/half.ts'
import { openTrainer, trainHead, type HeadRunParts, type HeadRunSettings, type TrainingText } from '../../src/train/index.ts'
import { readTensor } from '../../src/train/tensors.ts'
import { argMax } from '../../src/util/math.ts'
import { someTexts } from '../fakes/training-texts.ts'
import { someTokens, tinyFile } from '../tiny.ts'

let folder: string
let target: string
let texts: TrainingText[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-train-'))
  target = await tinyFile({ layers: 3 })
  // Each begins with a token of its own and goes on like many others: so what is held out can be learned.
  texts = someTexts(30).map(({ tokens, ...text }, index) => ({
    ...text,
    tokens: [3 + index, ...someTokens(tokens.length - 1, 1 + (index % 2))],
  }))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  expect(liveHandles()).toEqual({})
})

function settings(out: string, changes: Partial<HeadRunSettings> = {}): HeadRunSettings {
  return {
    ...{ target, data: 'texts', out: join(folder, out), draftVocab: 64, heldOut: 0.1, mostHeldOut: 4, type: 'f32' },
    ...{ threads: 1, cacheDir: folder, cacheBytes: 1e9, memoryBytes: 1e10, checkpointMs: 0, restart: false },
    learning: {
      ...{ epochs: 4, minutes: undefined, evaluations: 2, patience: 50, learningRate: 1e-3, decay: 'linear' },
      ...{ warmUp: 0.1, stateLoss: 0.5, length: 24, batch: 6, unroll: 2, candidates: 0, seed: 1 },
    },
    ...changes,
  }
}

function parts(own: HeadRunSettings, more: Partial<HeadRunParts> = {}): HeadRunParts {
  const read = async function* () {
    yield* await Promise.resolve(texts)
  }
  return { settings: own, texts: read, createTrainer: openTrainer, ...more }
}

function weightsOf(path: string): [string, Float32Array][] {
  const file = loadGguf(path)
  return file.tensors.filter(({ name }) => name !== 'd2t').map(({ name }) => [name, readTensor(file, name)])
}

describe('features', () => {
  it('are what one pass over one text after the other gives, however texts are packed', async () => {
    await using model = await loadModel(target, { context: 64, sequences: 6, threads: 1 })
    const taps = [0, 1, 2]
    const few = texts.slice(0, 9).map(({ tokens }) => tokens)
    for (const passRows of [5, 16, 64]) {
      const packed = await createFeatureReader(model, taps, passRows).read(few)
      for (const [index, tokens] of few.entries()) {
        using sequence = model.open()
        sequence.tap([...taps, 3])
        const best: number[] = []
        const numbers = new Uint16Array(tokens.length * 4 * model.spec.width)
        await sequence.prefill(tokens, {
          wanted: () => true,
          onRows: (rows) => best.push(...rows.map(({ logits }) => argMax(logits))),
          onFeatures: (first, rows) =>
            rows.forEach((row, at) => encodeHalf(row, numbers, (first + at) * 4 * model.spec.width)),
        })
        expect([...packed[index]!.best]).toEqual(best)
        expect(packed[index]!.numbers).toEqual(numbers)
      }
    }
  })
})

describe('a run', () => {
  it('makes a head that loads and has learned, and the same one in pieces', async () => {
    const whole = await trainHead(parts(settings('whole.gguf')))
    const { curve, step } = whole.position
    // A model of random weights says nothing that could be learned for other texts, but its own words can be.
    expect(curve.at(-1)!.trainingLoss).toBeLessThan(0.6 * curve[2]!.trainingLoss!)
    expect(whole.position.best).toBeGreaterThan(0)
    await using model = await loadModel(target, { context: 64 })
    await using head = await loadDraftHead(loadGguf(join(folder, 'whole.gguf')), model)
    expect(head.spec).toMatchObject({ taps: whole.run.start.taps, draftVocabSize: 64 })

    for (const at of [1, Math.floor(step / 2)]) {
      const stop = new AbortController()
      const own = settings('pieces.gguf', at === 1 ? { restart: true } : {})
      const interrupted = trainHead(
        parts(own, {
          signal: stop.signal,
          onEvent: (event) => {
            if (event.kind === 'step' && event.position.step >= at) stop.abort()
          },
        }),
      )
      await expect(interrupted).rejects.toMatchObject({ code: 'aborted' })
    }
    await trainHead(parts(settings('pieces.gguf')))
    expect(weightsOf(join(folder, 'pieces.gguf'))).toEqual(weightsOf(join(folder, 'whole.gguf')))
  })

  it('is trained further by another run, from where it was', async () => {
    const from = join(folder, 'whole.gguf')
    const { run, position } = await trainHead(parts(settings('further.gguf', { from })))
    const first = loadGguf(from)
    expect(position.curve[0]!.heldOut[0]!.agreement).toBeCloseTo(
      Number(first.metadata.string('heterospec.held_out_agreement')?.split(',')[0]),
      2,
    )
    expect(run.start.draftIds).toHaveLength(64)
  })
})

describe('refused before any work:', () => {
  const sentences: Record<string, () => Promise<[Partial<HeadRunSettings>, RegExp, Partial<HeadRunParts>?]>> = {
    'a file that exists': async () => {
      await writeFile(join(folder, 'there.gguf'), 'mine')
      return [{ out: join(folder, 'there.gguf') }, /expected a new file for --out/]
    },
    'a folder that does not': () => Promise.resolve([{ out: join(folder, 'none', 'h.gguf') }, /existing folder for --out/]),
    'no texts': () =>
      Promise.resolve([{}, /texts with answers in texts, got none/, { texts: async function* () {} }] as never),
    'taps that do not exist': () => Promise.resolve([{ taps: [0, 1, 9] }, /layers from 0 to 3 for --taps, got 0,1,9/]),
    'too little memory': () => Promise.resolve([{ memoryBytes: 1e6 }, /training within 0.0010 GB \(--memory\)/]),
    'a head of another target': async () => {
      const other = await tinyFile({ layers: 4 })
      return [{ target: other, from: join(folder, 'whole.gguf') }, /head that was trained for Tiny/]
    },
    'a model as head': () => Promise.resolve([{ from: target }, /draft head \(architecture eagle3\)/]),
  }
  for (const [what, make] of Object.entries(sentences)) {
    it(what, async () => {
      const [changes, sentence, more] = await make()
      await expect(trainHead(parts(settings('refused.gguf', changes), more))).rejects.toThrow(sentence)
    })
  }
})
