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

export interface Drafting {
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

/** Drafters and what budgets learned about them, from a calibration on, by their options; shared by all requests of an engine. */
export class DraftingTable implements AsyncDisposable {
  readonly #parts: DraftingParts
  readonly #calibrations: Calibrations
  readonly #drafters = new Map<string, Promise<Drafter>>()
  readonly #memories = new Map<string, PolicyMemory>()

  constructor(parts: DraftingParts, calibrations: Calibrations) {
    this.#parts = parts
    this.#calibrations = calibrations
  }

  /** Drafter and policy for one request. Throws `drafter-mismatch` when the drafter does not fit the target. */
  async prepare(speculation: ResolvedSpeculation): Promise<Drafting> {
    const { budget } = speculation
    if (budget.policy === 'off') {
      return { drafter: undefined, drafterName: 'none', policy: createPolicy(budget, createPolicyMemory()) }
    }
    const options = speculation.drafter ?? (await this.#auto())
    const key = JSON.stringify(options)
    const drafter = await this.#drafter(key, options)
    const memoryKey = `${key} ${budget.policy}`
    let memory = this.#memories.get(memoryKey)
    if (!memory) this.#memories.set(memoryKey, (memory = this.#calibrations.memoryFor(options)))
    return { drafter, drafterName: options.method, key, policy: createPolicy(budget, memory) }
  }

  /** Drafters forget what requests taught them, and so do budgets; what a calibration says they know again. */
  async forget(): Promise<void> {
    this.#memories.clear()
    for (const result of await Promise.allSettled(this.#drafters.values())) {
      if (result.status === 'fulfilled') result.value.forget?.()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const drafters = await Promise.allSettled(this.#drafters.values())
    this.#drafters.clear()
    for (const result of drafters) if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]()
  }

  /** Nobody named a drafter: with the model's head where there is one that can be loaded. */
  async #auto(): Promise<ResolvedDrafter> {
    const { head } = this.#parts
    if (head.path === undefined) return autoDrafter(undefined)
    const options = autoDrafter(head.path)
    try {
      await this.#drafter(JSON.stringify(options), options)
      return options
    } catch (error) {
      if (!(error instanceof HeterospecError) || error.code === 'aborted') throw error
      head.leaveOut(error.message)
      return autoDrafter(undefined)
    }
  }

  #drafter(key: string, options: ResolvedDrafter): Promise<Drafter> {
    const known = this.#drafters.get(key)
    if (known) return known
    const created = createDrafter(options, this.#parts)
    this.#drafters.set(key, created)
    // A drafter that failed to load may be asked for again, for example after its file was put in place.
    created.catch(() => this.#drafters.delete(key))
    return created
  }
}

/** Drafts nothing: plain decoding through the same round. */
export const plainSession: DraftSession = {
  propose: ({ tokens }) => Promise.resolve({ kind: 'ranked', tree: createTree(tokens.at(-1) ?? 0) }),
  observe: () => undefined,
  [Symbol.dispose]: () => undefined,
}
