/** The whole of `heterospec cost`: measure, remember, describe, one document; and reading such a document again. */
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { UsageError } from '../../util/errors.ts'
import { createCostModel, type CostSample } from '../../policy/index.ts'
import type { Engine } from '../../engine/index.ts'
import { collectProvenance } from '../provenance.ts'
import { tryChains } from './chains.ts'
import { measureDrafts, measureHost, type PricedDrafter } from './draft.ts'
import { findStairs } from './stairs.ts'
import { costGrid, isRestless, measureTarget } from './target.ts'
import type { CostDocument, TargetPrice } from './types.ts'

export type CostPhase = 'passes' | 'drafts' | 'host' | 'chains'

export interface CostSetup {
  readonly engine: Engine
  readonly model: { readonly name: string; readonly path: string }
  readonly draftModels: readonly string[]
  readonly drafters: readonly PricedDrafter[]
  /** Acceptance rates of invented chains to try. */
  readonly rates: readonly number[] | null
  readonly quick: boolean
  /** As it was typed. */
  readonly command: string
  readonly signal: AbortSignal
  readonly onProgress: (phase: CostPhase, share: number) => void
}

/** Measures, and lets the engine remember the prices when the machine was quiet. Throws `aborted`. */
export async function runCost(setup: CostSetup): Promise<CostDocument> {
  const { engine, quick, signal, rates } = setup
  const during = (phase: CostPhase) => ({
    signal,
    quick,
    onShare: (share: number) => setup.onProgress(phase, share),
  })
  // A drafter that does not fit is refused before a minute is spent.
  for (const { drafter } of setup.drafters) await engine.lab.drafter({ drafter })
  const target = await measureTarget(engine.lab, costGrid(engine.context, quick), during('passes'))
  const stored = !isRestless(target)
  if (stored) engine.lab.keepPrices(target.map(({ rows, context, ms }) => ({ rows, context, ms })))
  const draft = await measureDrafts(engine, setup.drafters, during('drafts'))
  const host = await measureHost(engine, during('host'))
  const chains = rates === null ? null : await tryChains(engine, { ...during('chains'), rates, target, host })
  const { threads, context } = engine
  const provenance = await collectProvenance({ ...setup, threads, context })
  const { machine, model } = provenance
  return {
    ...{ kind: 'heterospec-cost', version: 1, target, draft, host },
    ...{ stairs: findStairs(target), misfit: misfit(target), stored, chains, machine, model, provenance },
  }
}

/** The part of a document that prices are made of. */
export interface CostList extends Pick<CostDocument, 'draft' | 'host'> {
  readonly target: readonly CostSample[]
  /** Where it was measured. */
  readonly cpu: string
}

/** Reads the output of `heterospec cost --json`; only the last line counts. Throws `bad-file`. */
export function readCostDocument(file: string): CostList {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError('bad-file', `expected a price list at ${file}, got none (${why}); check the path`, {
      cause: error,
    })
  }
  const parsed = costList.safeParse(parseLastLine(text))
  if (parsed.success) {
    const { target, draft, host, machine } = parsed.data
    return { target, draft, host, cpu: machine.cpu }
  }
  const issue = parsed.error.issues[0]
  throw new UsageError(
    'bad-file',
    `expected the output of "heterospec cost --json" in ${file}, got ${issue?.message ?? 'something else'} at ${issue?.path.join('.') || 'the last line'}; measure again`,
  )
}

/** What a price list must hold; more is ignored. */
export const costParts = z.object({
  target: z
    .array(
      z.object({
        rows: z.int().min(1),
        context: z.int().min(0),
        ms: z.number().positive(),
      }),
    )
    .min(2),
  draft: z.array(
    z.object({
      drafter: z.string(),
      depth: z.int().min(1),
      width: z.int().min(1),
      nodes: z.int().min(1),
      ms: z.number().min(0),
      levelMs: z.number().min(0).nullable(),
      spread: z.number().min(0),
    }),
  ),
  host: z.object({
    plainMs: z.number().min(0),
    treeMs: z.number().min(0),
    treeNodes: z.int().min(1),
    betweenMs: z.number().min(0),
  }),
})

// ---------------------------------------------------------------------------------------------------------------

const costList = costParts.extend({
  kind: z.literal('heterospec-cost'),
  machine: z.object({ cpu: z.string() }),
})

function parseLastLine(text: string): unknown {
  try {
    return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as unknown
  } catch {
    return undefined
  }
}

/** The greatest difference between a measured price and what budgets take it for. */
function misfit(target: readonly TargetPrice[]): number {
  const samples: CostSample[] = target.map(({ rows, context, ms }) => ({ rows, context, ms }))
  const cost = createCostModel(samples)
  return Math.max(...samples.map(({ rows, context, ms }) => Math.abs(cost.targetMs(rows, context) / ms - 1)))
}
