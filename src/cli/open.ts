/** From flags to a loaded engine, with progress on stderr while it takes long. */
import { load } from '../index.ts'
import type { Engine, EngineOptions, LoadProgress, SpeculativeOptions } from '../engine/index.ts'
import { resolveModel, type PullProgress, type StoredModel } from '../store/index.ts'
import type { EarlyStart } from '../text/index.ts'
import type { Typed } from './flags.ts'
import { readEngineOptions } from './options.ts'
import { createProgress, createPullReport, type Progress } from './progress.ts'

/** What loading needs besides the flags. */
export interface OpenSettings {
  readonly signal: AbortSignal
  readonly speculative: SpeculativeOptions | undefined
  readonly quiet: boolean
  /** Conversations at the same time. Default 1. */
  readonly sequences?: number | undefined
  /** Memory for beginnings that conversations share. Default 0. */
  readonly prefixCacheBytes?: number | undefined
  /** Tokens that all conversations share. Default: a context for each. */
  readonly cacheTokens?: number | undefined
  readonly cacheEviction?: EngineOptions['cacheEviction']
  /** The model, already on its way. */
  readonly early?: EarlyStart | undefined
}

/** The model of `--model` as a file of this machine, fetched if need be. */
export async function locateModel(
  typed: Typed,
  { signal, quiet }: Pick<OpenSettings, 'signal' | 'quiet'>,
): Promise<StoredModel> {
  const pulling = createPullReport()
  try {
    return await resolveModel(typed['model'] as string | undefined, {
      signal,
      onProgress: (progress) => {
        if (!quiet) pulling.onProgress(progress)
      },
    })
  } finally {
    pulling.stop()
  }
}

/** Loads the model of `--model`, fetching it if need be. Throws what `load` throws. */
export async function openFromFlags(typed: Typed, settings: OpenSettings): Promise<Engine> {
  const { signal, quiet } = settings
  const pulling = createPullReport()
  const loading = createLoadReport()
  const onPull = (progress: PullProgress): void => {
    if (!quiet) pulling.onProgress(progress)
  }
  try {
    const speculative = await withLocalDraftModel(settings.speculative, { signal, onProgress: onPull })
    return await load(typed['model'] as string | undefined, {
      ...readEngineOptions(typed),
      ...(speculative === undefined ? {} : { speculative }),
      sequences: settings.sequences,
      prefixCacheBytes: settings.prefixCacheBytes,
      cacheEviction: settings.cacheEviction,
      cacheTokens: settings.cacheTokens,
      signal,
      early: settings.early,
      onPull,
      onWarning: (message) => console.error(`heterospec: ${message}`),
      onProgress: (progress) => {
        pulling.stop()
        if (!quiet) loading.onProgress(progress)
      },
    })
  } finally {
    pulling.stop()
    loading.stop()
  }
}

// ---------------------------------------------------------------------------------------------------------------

const steps = {
  kernels: { label: 'compiling kernels for this processor, once', unit: 'count' },
  weights: { label: 'loading', unit: 'bytes' },
  'draft-weights': { label: 'loading the draft model', unit: 'bytes' },
  measure: { label: 'measuring this machine', unit: 'count' },
} as const satisfies Record<LoadProgress['phase'], { label: string; unit: 'bytes' | 'count' }>

function createLoadReport(): { onProgress(progress: LoadProgress): void; stop(): void } {
  let current: { readonly phase: LoadProgress['phase']; readonly progress: Progress } | undefined
  return {
    onProgress({ phase, done, total }) {
      if (current?.phase !== phase) {
        current?.progress.stop()
        const { label, unit } = steps[phase]
        current = { phase, progress: createProgress(label, unit) }
      }
      current.progress.update(done, total)
    },
    stop: () => current?.progress.stop(),
  }
}

/** A draft model or head may be named like any other model; the engine wants its file. */
export async function withLocalDraftModel(
  speculative: SpeculativeOptions | undefined,
  options: Parameters<typeof resolveModel>[1],
): Promise<SpeculativeOptions | undefined> {
  if (typeof speculative !== 'object') return speculative
  const { drafter } = speculative
  if (drafter?.method === 'model' || drafter?.method === 'eagle3') {
    return { ...speculative, drafter: { ...drafter, path: (await resolveModel(drafter.path, options)).path } }
  }
  if (drafter?.method !== 'combined') return speculative
  const model = drafter.model && { ...drafter.model, path: (await resolveModel(drafter.model.path, options)).path }
  const eagle3 = drafter.eagle3 && { ...drafter.eagle3, path: (await resolveModel(drafter.eagle3.path, options)).path }
  return { ...speculative, drafter: { ...drafter, ...(model && { model }), ...(eagle3 && { eagle3 }) } }
}
