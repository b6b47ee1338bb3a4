/** The same budget every round: the baseline that adaptive policies must beat. It learns nothing. */
import * as z from 'zod'
import { NO_DRAFT } from './off.ts'
import type { PolicyModule } from './types.ts'

const fixedOptions = z.strictObject({
  policy: z.literal('fixed'),
  depth: z.int().min(1).max(64).default(6).describe('Levels of the draft tree below the last token.'),
  width: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('Nodes expanded per level, and children kept of each; 1 is a chain.'),
  nodes: z.int().min(0).max(255).default(8).describe('Draft tokens verified per round; 0 is plain decoding.'),
})

export const fixed = {
  summary: 'The same depth, width and number of nodes every round.',
  paper: undefined,
  options: fixedOptions,
  create: ({ depth, width, nodes }) => ({
    name: 'fixed',
    plan: ({ room }) => {
      const limits = { depth: Math.min(depth, room), width, nodes: Math.min(nodes, room) }
      return limits.nodes > 0 ? limits : NO_DRAFT
    },
    revise: (_level, budget) => budget,
    observe: () => undefined,
  }),
} satisfies PolicyModule<typeof fixedOptions>
