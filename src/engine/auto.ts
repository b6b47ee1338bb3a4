/** What `auto` comes to for one model: which drafter, with the model's draft head where there is one that works. */
import { drafterOptions, type ResolvedDrafter } from '../draft/index.ts'
import { headFor, listHeads, type GgufModel } from '../gguf/index.ts'
import type { ResolvedSpeculation } from './options.ts'

/** What `auto` drafts with: the head is one more source of the merged tree. */
export function autoDrafter(headPath: string | undefined): ResolvedDrafter {
  if (headPath === undefined) return drafterOptions.parse({ method: 'combined' })
  const sources = ['lookup', 'recycling', 'eagle3']
  return drafterOptions.parse({ method: 'combined', sources, eagle3: { path: headPath } })
}

/** A way to speculate whose drafter is chosen. */
export interface CompleteSpeculation extends ResolvedSpeculation {
  readonly drafter: ResolvedDrafter
}

/** The head that `auto` uses for one loaded model, until it turns out to be broken. */
export class AutoHead {
  readonly #warn: (message: string) => void
  #path: string | undefined

  /** `folder`: see `autoHeadsFolder`. */
  constructor(model: GgufModel, folder: string | undefined, warn: (message: string) => void) {
    this.#warn = warn
    if (folder === undefined) return
    const { heads, problems } = listHeads(folder)
    this.#path = headFor(model, heads)?.path
    if (this.#path === undefined) problems.forEach((problem) => warn(sentence(problem)))
  }

  get path(): string | undefined {
    return this.#path
  }

  /** With the drafter that is used where none was named. */
  complete(speculation: ResolvedSpeculation): CompleteSpeculation {
    return { ...speculation, drafter: speculation.drafter ?? autoDrafter(this.#path) }
  }

  /** From now on without it. Of two requests that failed at the same time, one tells. */
  leaveOut(reason: string): void {
    if (this.#path === undefined) return
    this.#path = undefined
    this.#warn(sentence(reason))
  }
}

// ---------------------------------------------------------------------------------------------------------------

function sentence(reason: string): string {
  return `drafting without a head: ${reason}`
}
