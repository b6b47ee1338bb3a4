/** Tiny models on demand, for tests that need many kinds: made once per run, shared by all test files. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { makeTinyHead, type TinyHeadOptions } from '../scripts/make-tiny-head.ts'
import { makeTinyModel, type TinyOptions } from '../scripts/make-tiny-model.ts'
import { createTree, type TokenTree } from '../src/tree/index.ts'

/** Path of the (first) file of a tiny model with these options. */
export async function tinyFile(options: TinyOptions): Promise<string> {
  const name = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 12)
  const path = join(dirname(inject('tinyModelPath')), `${name}.gguf`)
  if (existsSync(path)) return path
  // Two workers may make the same file at once: each writes beside its place and renames.
  return (await makeTinyModel(path, options))[0]!
}

/** Path of a tiny draft head with these options. */
export async function tinyHeadFile(options: TinyHeadOptions = {}): Promise<string> {
  const key = JSON.stringify({ ...options, tensors: options.tensors?.toString() })
  const name = createHash('sha256').update(key).digest('hex').slice(0, 12)
  const path = join(dirname(inject('tinyModelPath')), `head-${name}.gguf`)
  return existsSync(path) ? path : makeTinyHead(path, options)
}

/** Tokens of a tiny model (297 in all; the first three are control tokens), pseudo-random but always the same. */
export function someTokens(count: number, seed = 1): number[] {
  let state = seed * 2654435761
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 3 + ((state >>> 8) % 294)
  })
}

/** A tree of `size` nodes with branches, chains and leaves; tokens and shape depend on `seed` only. */
export function someTree(root: number, size: number, seed = 1): TokenTree {
  const tree = createTree(root)
  const tokens = someTokens(4 * size, seed)
  for (let i = 0; tree.size < size; i++) {
    // Three times of four the newest node grows, so that there are deep paths and old branches.
    const parent = i % 4 === 3 ? tokens[i]! % tree.size : tree.size - 1
    if (tree.child(parent, tokens[i]!) < 0) tree.add(parent, tokens[i]!, -1)
  }
  return tree
}

/** The bits of logits, so that comparisons see -0 and NaN as they are. */
export function bitsOf(logits: Float32Array): Int32Array {
  return new Int32Array(logits.slice().buffer)
}
