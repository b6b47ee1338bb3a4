/** From options to running parts: which drafter, which budget, and what they have learned so far. */
import { HeterospecError, UsageError } from '../util/errors.ts'
import {
  createDrafter,
  type DraftParts,
  type Drafter,
  type DraftSession,
  type ResolvedDrafter,
} from '../draft/index.ts'
import { createPolicy, createPolicyMemory, type BudgetPolicy, type PolicyMemory } from '../policy/index.ts'
import { createTree } from '../tree/index.ts'
import type { Verifier } from '../verify/index.ts'
import { autoDrafter, type AutoHead } from './auto.ts'
import type { Calibrations } from './calibration.ts'
import { speculativeOptions, type ResolvedSpeculation, type SpeculativeOptions } from './options.ts'

/** What drafts for one request. To be disposed of when the request is over: the drafter may go then. */
export interface Drafting extends Disposable {
  /** Undefined: plain decoding. */
  readonly drafter: Drafter | undefined
  readonly drafterName: string
  /** Same key, same drafter. */
  readonly key?: string
  readonly policy: BudgetPolicy
  /** Default: the walk. */
  readonly verifier?: Verifier | undefined
}

/** Checks options and fills in defaults. Throws `bad-option`. */
export function resolveSpeculation(options: SpeculativeOptions): ResolvedSpeculation {
  const parsed = speculativeOptions.safeParse(options)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue && issue.path.length > 0 ? ` (at ${issue.path.join('.')})` : ''
  throw new UsageError(
    'bad-option',
    `expected speculation to be "auto", "off", false or { drafter, budget }, got something else${where}: ${issue?.message ?? 'invalid'}; see docs/options.md`,
  )
}

/** What a table makes drafters of. */
export interface DraftingParts extends Omit<DraftParts, 'create'> {
  readonly head: AutoHead
}

/** Drafters that are kept at a time, each with tables, or with a model's memory. */
export const MOST_DRAFTERS = 32

/** A drafter's place in the table. */
interface Place {
  readonly drafter: Promise<Drafter>
  /** What budgets learned about it, by their names. */
  readonly memories: Map<string, PolicyMemory>
  users: number
}

/**
 * Drafters and what budgets learned about them, from a calibration on, by their options; shared by all requests of an engine. Where there
 * is no room, the one that was held longest ago goes, with all that it learned.
 */
export class DraftingTable implements AsyncDisposable {
  readonly #parts: DraftingParts
  readonly #calibrations: Calibrations
  /** By options as text; what was held last comes last. */
  readonly #places = new Map<string, Place>()
  readonly #leaving = new Set<Promise<void>>()

  constructor(parts: DraftingParts, calibrations: Calibrations) {
    this.#parts = parts
    this.#calibrations = calibrations
  }

  /**
   * Drafter and policy for one request; the drafter stays until they are disposed of. Throws `drafter-mismatch` when the drafter does not
   * fit the target, `busy` when every place is held.
   */
  async prepare({ drafter, budget }: ResolvedSpeculation): Promise<Drafting> {
    if (budget.policy === 'off') {
      const policy = createPolicy(budget, createPolicyMemory())
      return { drafter: undefined, drafterName: 'none', policy, ...kept }
    }
    return drafter ? this.#hold(drafter, budget) : this.#auto(budget)
  }

  /** Drafters forget what requests taught them, and so do budgets; what a calibration says they know again. */
  async forget(): Promise<void> {
    const places = [...this.#places.values()]
    for (const { memories } of places) memories.clear()
    for (const result of await Promise.allSettled(places.map(({ drafter }) => drafter))) {
      if (result.status === 'fulfilled') result.value.forget?.()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of [...this.#places.keys()]) this.#putAway(key)
    await Promise.all(this.#leaving)
  }

  /** Nobody named a drafter: with the model's head where there is one that can be loaded. */
  async #auto(budget: ResolvedSpeculation['budget']): Promise<Drafting> {
    const { head } = this.#parts
    if (head.path !== undefined) {
      try {
        return await this.#hold(autoDrafter(head.path), budget)
      } catch (error) {
        if (!(error instanceof HeterospecError) || error.code === 'aborted' || error.code === 'busy') throw error
        head.leaveOut(error.message)
      }
    }
    return this.#hold(autoDrafter(undefined), budget)
  }

  async #hold(options: ResolvedDrafter, budget: ResolvedSpeculation['budget']): Promise<Drafting> {
    const key = JSON.stringify(options)
    const place = this.#places.get(key) ?? this.#create(key, options)
    this.#places.delete(key)
    this.#places.set(key, place)
    place.users++
    let isHeld = true
    const release = (): void => {
      if (isHeld) place.users--
      isHeld = false
    }
    try {
      const drafter = await place.drafter
      let memory = place.memories.get(budget.policy)
      if (!memory) place.memories.set(budget.policy, (memory = this.#calibrations.memoryFor(options)))
      const policy = createPolicy(budget, memory)
      return { drafter, drafterName: options.method, key, policy, [Symbol.dispose]: release }
    } catch (error) {
      release()
      throw error
    }
  }

  #create(key: string, options: ResolvedDrafter): Place {
    if (this.#places.size >= MOST_DRAFTERS) this.#makeRoom()
    const place: Place = { drafter: createDrafter(options, this.#parts), memories: new Map(), users: 0 }
    // A drafter that failed to load may be asked for again, for example after its file was put in place.
    place.drafter.catch(() => this.#places.get(key) === place && this.#places.delete(key))
    return place
  }

  #makeRoom(): void {
    for (const [key, { users }] of this.#places) {
      if (users > 0) continue
      this.#putAway(key)
      return
    }
    throw new UsageError(
      'busy',
      `expected at most ${MOST_DRAFTERS} different drafters in work at the same time, got one more; wait for an answer`,
    )
  }

  #putAway(key: string): void {
    const place = this.#places.get(key)
    this.#places.delete(key)
    const gone = (async (): Promise<void> => {
      // One that never loaded holds nothing.
      const [result] = await Promise.allSettled([place?.drafter])
      if (result.status === 'fulfilled') await result.value?.[Symbol.asyncDispose]()
    })()
    const done = (): boolean => this.#leaving.delete(gone)
    this.#leaving.add(gone)
    // Nobody may be waiting: one that fails to go must not end the process.
    void gone.then(done, done)
  }
}

/** Of drafting that takes no place in a table. */
export const kept: Disposable = { [Symbol.dispose]: () => undefined }

/** Drafts nothing: plain decoding through the same round. */
export const plainSession: DraftSession = {
  propose: ({ tokens }) => Promise.resolve({ kind: 'ranked', tree: createTree(tokens.at(-1) ?? 0) }),
  observe: () => undefined,
  [Symbol.dispose]: () => undefined,
}
