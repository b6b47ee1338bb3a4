/** What every source needs to know during one pull. */
import { readEnvironment } from '../util/env.ts'
import type { HubAccess, PullProgress, StoreOptions } from './types.ts'

export interface PullContext {
  /** The model's folder in the cache; it exists and is locked. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly report: (progress: PullProgress) => void
  readonly hub: HubAccess
  readonly pipCommands: readonly (readonly string[])[]
}

/** A file that a source has to bring: under `folder`, complete and checked. */
export interface WantedFile {
  readonly name: string
  readonly bytes: number
  readonly sha256: string | undefined
}

/** Fills a context from the user's options and the environment. */
export function createContext(folder: string, options: StoreOptions, signal: AbortSignal): PullContext {
  const { hubEndpoint, hubToken } = readEnvironment()
  const hub = {
    endpoint: hubEndpoint,
    token: hubToken,
    connectMs: 10_000,
    stallMs: 30_000,
    retryMs: 500,
    ...options.hub,
  }
  return {
    folder,
    signal,
    report: (progress) => options.onProgress?.(progress),
    hub: { ...hub, endpoint: hub.endpoint.replace(/\/+$/, '') },
    pipCommands: options.pipCommands ?? defaultPipCommands,
  }
}

const defaultPipCommands = [['pip'], ['python3', '-m', 'pip'], ['pip3'], ['python', '-m', 'pip']]
