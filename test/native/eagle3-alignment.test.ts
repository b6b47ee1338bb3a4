/**
 * Whether a head sees the features of position P beside the token at P + 1. A mistake by one never changes the text, only the
 * speed, so it needs pairs whose right answer is known: a target that goes through all tokens in a fixed order, and two
 * heads that know the order and read it from one side only, the features or the tokens. Rightly aligned they are never
 * wrong; shifted by one they are never right.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeTinyHead, type TinyHeadTensor } from '../../scripts/make-tiny-head.ts'
import { makeTinyModel, type TinyTensor } from '../../scripts/make-tiny-model.ts'
import { normalNumbers } from '../../scripts/tiny/encoding.ts'
import { create } from '../../src/draft/methods/eagle3.ts'
import { loadDraftHead, loadModel, type DraftHead, type GraphModel, type HeadRow } from '../../src/model/index.ts'
import { createPolicy } from '../../src/policy/index.ts'
import { acceptanceLength, runRounds } from '../fakes/rounds.ts'

const WIDTH = 128
const VOCABULARY = 297

let folder: string
let target: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heterospec-alignment-'))
  target = join(folder, 'target.gguf')
  await makeTinyModel(target, { tied: false, tensors: (tensors) => tensors.map(targetTensor) })
})
afterAll(() => rm(folder, { recursive: true }))

describe('a head that knows the answer from the features', () => {
  it('is right at the first level when they are those of the position before the token', async () => {
    expect(await tau(featureHead, 1)).toBe(2)
  })

  it('is wrong when they come from one position earlier', async () => {
    expect(await tau(featureHead, 1, (row, before) => ({ ...row, features: before?.features ?? row.features }))).toBe(1)
  })
})

describe('a head that knows the answer from the token', () => {
  it('is right at all levels when it is the one after the position', async () => {
    expect(await tau(tokenHead, 6)).toBe(7)
  })

  it('is wrong when it is the one at the position', async () => {
    expect(await tau(tokenHead, 6, (row, before) => ({ ...row, next: before?.next ?? row.next }))).toBe(1)
  })
})

// ---------------------------------------------------------------------------------------------------------------

type Shift = (row: HeadRow, before: HeadRow | undefined) => HeadRow

/** Tokens per round of a chain of `depth`, over a text that has no token twice. */
async function tau(
  change: (tensor: TinyHeadTensor) => TinyHeadTensor,
  depth: number,
  shift?: Shift,
): Promise<number> {
  const path = await makeTinyHead(join(folder, 'head.gguf'), {
    normBeforeResidual: change === tokenHead,
    tensors: (tensors) => tensors.map(change),
  })
  await using model = await loadModel(target, { context: 512 })
  await using drafter = await create(
    { method: 'eagle3', path, maxDepth: 16, maxWidth: 1 },
    { loadDraftHead: async (file) => shifted(await load(file, model), shift) },
  )
  const policy = createPolicy({ policy: 'fixed', depth, width: 1, nodes: depth })
  const prompt = [3, order(3), order(order(3))]
  const { tokens, traces } = await runRounds({ target: model, drafter, policy, prompt, count: 1 + 20 * (depth + 1) })
  let expected = prompt.at(-1)!
  expect(tokens).toEqual(tokens.map(() => (expected = order(expected))))
  return acceptanceLength(traces)
}

function load(file: string, model: GraphModel): Promise<DraftHead> {
  return loadDraftHead(file, model)
}

/** The head as a reader that is off by one would use it. */
function shifted(head: DraftHead, shift: Shift | undefined): DraftHead {
  if (!shift) return head
  let before: HeadRow | undefined
  return {
    spec: head.spec,
    open: () => {
      const text = head.open()!
      return {
        capacity: text.capacity,
        get length() {
          return text.length
        },
        get room() {
          return text.room
        },
        read: (rows, count) => {
          const moved = rows.map((row) => {
            const changed = shift(row, before)
            before = row
            return changed
          })
          return text.read(moved, count)
        },
        draft: (nodes, count) => text.draft(nodes, count),
        truncate: (length) => text.truncate(length),
        [Symbol.dispose]: () => text[Symbol.dispose](),
      }
    },
    [Symbol.asyncDispose]: () => head[Symbol.asyncDispose](),
  }
}

/** The token after `token`: one large circle through all but the control tokens. */
function order(token: number): number {
  return 3 + ((token - 3 + 109) % (VOCABULARY - 3))
}

/** [vocabulary][width] */
const embeddings = ((): Float32Array[] => {
  const normal = normalNumbers(11)
  return Array.from({ length: VOCABULARY }, () => Float32Array.from({ length: WIDTH }, () => normal()))
})()

/** [64][width]: half as many numbers still tell tokens apart. */
const shorter = ((): Float32Array[] => {
  const normal = normalNumbers(12)
  return Array.from({ length: WIDTH / 2 }, () => Float32Array.from({ length: WIDTH }, () => normal() / Math.sqrt(WIDTH)))
})()

/** Layers that add nothing: the stream is the embedding, and the head knows which token follows which. */
function targetTensor(tensor: TinyTensor): TinyTensor {
  if (/attn_output|ffn_down/.test(tensor.name)) return { ...tensor, values: tensor.values.fill(0) }
  if (tensor.name === 'token_embd.weight') return { ...tensor, values: flat(embeddings) }
  if (tensor.name === 'output.weight') return { ...tensor, values: flat(answers(order, (row) => row)) }
  return isNorm(tensor.name) ? { ...tensor, values: tensor.values.fill(1) } : tensor
}

/** The stream is the feature: the answer is the token after the token after. Deeper levels it cannot know. */
function featureHead(tensor: TinyHeadTensor): TinyHeadTensor {
  const { name, values } = tensor
  if (/attn_output|ffn_down/.test(name)) return { ...tensor, values: new Float32Array(values.length) }
  if (name === 'fc.weight') return { ...tensor, values: matrix(WIDTH, 3 * WIDTH, (to, from) => (to === from ? 1 : 0)) }
  if (name === 'output.weight') {
    return { ...tensor, values: flat(answers((token) => order(order(token)), (row) => row)) }
  }
  return isNorm(name) ? { ...tensor, values: new Float32Array(values.length).fill(1) } : tensor
}

/** Nothing comes of features; attention, sharp enough to see only its own row, brings the token's embedding. */
function tokenHead(tensor: TinyHeadTensor): TinyHeadTensor {
  const { name, values } = tensor
  // The residual stream starts from the normed state: from nothing, also where the state is an earlier output.
  if (/fc|ffn_down|attn_norm_2/.test(name)) return { ...tensor, values: new Float32Array(values.length) }
  // The embedding is the first half of the input; heads 0 and 1 share the first 32 of its numbers, 2 and 3 the others.
  const projected = (row: number, from: number): number => (from < WIDTH ? shorter[row]![from]! : 0)
  const size = WIDTH / 4
  const shared = (output: number): number => Math.floor(output / (2 * size)) * size + (output % size)
  switch (name) {
    case 'blk.0.attn_q.weight':
      return { ...tensor, values: matrix(WIDTH, 2 * WIDTH, (to, from) => 3 * projected(shared(to), from)) }
    case 'blk.0.attn_k.weight':
      return { ...tensor, values: matrix(WIDTH / 2, 2 * WIDTH, (to, from) => 3 * projected(to, from)) }
    case 'blk.0.attn_v.weight':
      return { ...tensor, values: matrix(WIDTH / 2, 2 * WIDTH, projected) }
    case 'blk.0.attn_output.weight':
      // Heads 0 and 2 hold all 64 numbers.
      return { ...tensor, values: matrix(WIDTH, WIDTH, (to, from) => (from === (to < size ? to : to + size) && to < 2 * size ? 1 : 0)) }
    case 'output.weight':
      return { ...tensor, values: flat(answers(order, project)) }
    default:
      return isNorm(name) ? { ...tensor, values: new Float32Array(values.length).fill(1) } : tensor
  }
}

function isNorm(name: string): boolean {
  return name.includes('norm')
}

function project(row: Float32Array): Float32Array {
  const short = new Float32Array(WIDTH)
  shorter.forEach((weights, i) => (short[i] = weights.reduce((sum, weight, j) => sum + weight * row[j]!, 0)))
  return short
}

/** A matrix that answers `next(token)` to what `token` looks like. */
function answers(next: (token: number) => number, look: (row: Float32Array) => Float32Array): Float32Array[] {
  const rows = embeddings.map(() => new Float32Array(WIDTH))
  embeddings.forEach((row, token) => {
    if (token < 3) return
    const seen = look(row)
    const length = Math.hypot(...seen)
    rows[next(token)] = seen.map((value) => (10 * value) / length)
  })
  return rows
}

function matrix(outputs: number, inputs: number, weight: (output: number, input: number) => number): Float32Array {
  return Float32Array.from({ length: outputs * inputs }, (_, i) => weight(Math.floor(i / inputs), i % inputs))
}

function flat(rows: readonly Float32Array[]): Float32Array {
  return matrix(rows.length, WIDTH, (output, input) => rows[output]![input]!)
}
