/** Plain decoding: never drafts. */
import * as z from 'zod'
import type { Budget, PolicyModule } from './types.ts'

const offOptions = z.strictObject({ policy: z.literal('off') })

export const NO_DRAFT: Budget = { depth: 0, width: 0, nodes: 0 }

/** Why a round is not drafted whose pass is shared by too many. */
export const RESTING = 'drafts do not pay those who share the pass'

export const off = {
  summary: 'Never draft: plain decoding.',
  paper: undefined,
  options: offOptions,
  create: () => ({ name: 'off', plan: () => NO_DRAFT, revise: () => NO_DRAFT, observe: () => undefined }),
} satisfies PolicyModule<typeof offOptions>
