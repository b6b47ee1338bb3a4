/** What `auto` comes to for one model: which drafter, with the model's draft head where there is one that works. */
import { headFor, listHeads, type GgufModel } from '../gguf/index.ts'
import type { DrafterOptions } from '../draft/index.ts'

/** What `auto` drafts with: the head is one more source of the merged tree. */
export function autoDrafter(headPath: string | undefined): DrafterOptions {
  if (headPath === undefined) return { method: 'combined' }
  return { method: 'combined', sources: ['lookup', 'recycling', 'eagle3'], eagle3: { path: headPath } }
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
