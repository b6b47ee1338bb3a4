/**
 * Beginnings that prompts share: rows that an earlier request computed are copied, and what another request is reading right now is
 * waited for instead of computed beside it, so that several answers to one prompt read it once.
 */
import { throwIfAborted, UsageError } from '../util/errors.ts'
import type { PrefixStore, Sequence } from '../model/index.ts'
import type { TokenId } from '../tree/index.ts'
import { sharedPrefix } from './slots.ts'

/** Waiting for fewer tokens than this is not worth it: they are read in one pass with others. */
const WORTH_WAITING = 32

interface Reading {
  readonly tokens: readonly TokenId[]
  readonly done: Promise<void>
}

export class SharedPrompts {
  readonly #store: PrefixStore | undefined
  readonly #reading = new Set<Reading>()

  /** Without a store nothing is shared. */
  constructor(store: PrefixStore | undefined) {
    this.#store = store
  }

  /**
   * Brings rows of the prompt's beginning into the sequence, which holds the first ones already; waits for them where another
   * request is about to have them. There is never one of the last token, whose logits are wanted. `aside` is called before waiting,
   * and what it returns afterwards. The result is to be disposed of when the prompt has been read: others may wait for it. Throws
   * `aborted`.
   */
  async begin(
    sequence: Sequence,
    prompt: readonly TokenId[],
    { signal, aside }: { readonly signal?: AbortSignal | undefined; readonly aside: () => () => void },
  ): Promise<Disposable> {
    for (;;) {
      const known = this.#store?.load(sequence, prompt, prompt.length - 1) ?? sequence.length
      const ahead = this.#ahead(prompt, known)
      // Nothing may come between looking and entering: two that look at once would both read.
      if (ahead === undefined) return this.#enter(prompt)
      const back = aside()
      try {
        await orAborted(ahead.done, signal)
      } finally {
        back()
      }
    }
  }

  /** Keeps copies of a sequence's rows for others; `tokens` are those that they belong to. */
  save(sequence: Sequence, tokens: readonly TokenId[]): void {
    this.#store?.save(sequence, tokens)
  }

  #enter(prompt: readonly TokenId[]): Disposable {
    let end = (): void => undefined
    const reading = { tokens: prompt, done: new Promise<void>((resolve) => (end = resolve)) }
    this.#reading.add(reading)
    return {
      [Symbol.dispose]: () => {
        this.#reading.delete(reading)
        end()
      },
    }
  }

  /** Who reads most of what this prompt lacks and the store can hold. */
  #ahead(prompt: readonly TokenId[], known: number): Reading | undefined {
    const worth = Math.min(prompt.length - 1, this.#store?.use.capacity ?? 0)
    let best: Reading | undefined
    let most = known + WORTH_WAITING - 1
    for (const reading of this.#reading) {
      const shared = Math.min(sharedPrefix(reading.tokens, prompt), worth)
      if (shared > most) [best, most] = [reading, shared]
    }
    return best
  }
}

// ---------------------------------------------------------------------------------------------------------------

async function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal)
  await new Promise<void>((resolve, reject) => {
    const giveUp = (): void => {
      const message = 'the request was stopped while it waited for rows of its prompt'
      reject(new UsageError('aborted', message, { cause: signal?.reason }))
    }
    signal?.addEventListener('abort', giveUp, { once: true })
    void work.then(() => {
      signal?.removeEventListener('abort', giveUp)
      resolve()
    })
  })
}
