/** The first line of a recording: with what it was made, and what this machine charges. */
import { drafterOptions, type ResolvedDrafter } from '../../draft/index.ts'
import { identifyDrafter, type Engine } from '../../engine/index.ts'
import { measureDrafts, measureHost, type PricedDrafter } from '../cost/draft.ts'
import { collectProvenance, type ProvenanceParts } from '../provenance.ts'
import type { RecordingHeader, TreeLimits } from './types.ts'

export interface HeaderSetup extends Pick<ProvenanceParts, 'command' | 'model' | 'draftModels'> {
  readonly engine: Engine
  readonly drafter: PricedDrafter
  readonly tree: TreeLimits
  readonly scored: number
  readonly maxTokens: number
  readonly signal: AbortSignal
}

/** Measures drafts and host work; the prices of passes are those that budgets use here. Throws `aborted`. */
export async function recordingHeader(setup: HeaderSetup): Promise<RecordingHeader> {
  const { engine, drafter, tree, scored, maxTokens, signal } = setup
  const { threads, context } = engine
  const draft = await measureDrafts(engine, [drafter], { signal })
  const host = await measureHost(engine, { signal })
  const target = await engine.costTable()
  return {
    ...{ kind: 'heterospec-recording', version: 1, tree, scored, maxTokens },
    drafter: { name: drafter.name, options: { ...drafter.drafter } },
    files: identifyDrafter(resolveDrafter(drafter)).files,
    prices: { target, draft, host },
    identity: engine.lab.identity,
    provenance: await collectProvenance({ ...setup, threads, context }),
  }
}

/** A drafter's options with every default filled in. */
export function resolveDrafter({ drafter }: Pick<PricedDrafter, 'drafter'>): ResolvedDrafter {
  return drafterOptions.parse(drafter)
}
