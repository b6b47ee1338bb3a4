/**
 * The tree of EAGLE's official code: the same every round, however the draft looks. What adaptive budgets are compared with.
 * Its numbers are counted as there: `totalTokens` with the root, `depth` as the passes of the head after the first one, so
 * that the tree is a level deeper.
 */
import * as z from 'zod'
import { NO_DRAFT } from './off.ts'
import type { PolicyModule } from './types.ts'

const eagleOptions = z.strictObject({
  policy: z.literal('eagle'),
  topK: z
    .int()
    .min(1)
    .max(64)
    .default(10)
    .describe('Nodes expanded per level, and children kept of each; 1 is a chain.'),
  depth: z.int().min(0).max(63).default(7).describe('Levels that are expanded below the first one.'),
  totalTokens: z.int().min(1).max(256).default(60).describe('Nodes of the verified tree, the root included.'),
})

export const eagle = {
  summary: 'The fixed tree of EAGLE’s official code: top-k 10, depth 7, 60 nodes with the root.',
  paper: {
    title: 'EAGLE-2: Faster Inference of Language Models with Dynamic Draft Trees',
    arxiv: '2406.16858',
    parts: 'the settings of the official code; the tree itself is grown by the drafter',
  },
  options: eagleOptions,
  create: ({ topK, depth, totalTokens }) => ({
    name: 'eagle',
    plan: ({ room }) => {
      const limits = { depth: Math.min(depth + 1, room), width: topK, nodes: Math.min(totalTokens - 1, room) }
      return limits.nodes > 0 ? limits : NO_DRAFT
    },
    revise: (_level, budget) => budget,
    observe: () => undefined,
  }),
} satisfies PolicyModule<typeof eagleOptions>
