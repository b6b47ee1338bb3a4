/** The engine's price list: read from disk, or measured at first need, then corrected by every pass. */
import {
  createCostModel,
  type CostModel,
  type CostSample,
  type DraftPrice,
  type MeasuredCost,
} from '../policy/index.ts'
import type { PricedModel } from '../model/index.ts'
import { measureCosts, readCosts, readDraftPrice, writeCosts, writeDraftPrice, type MeasureOptions } from './cost.ts'
import type { CostIdentity } from './types.ts'
import type { SlotTable } from './slots.ts'

export interface PriceParts {
  readonly model: PricedModel
  readonly slots: SlotTable
  readonly identity: CostIdentity
  readonly cacheDir: string
}

/** Whether a budget decides by prices. */
export function needsPrices(budget: string): boolean {
  return budget === 'goodput' || budget === 'heterospec-cost'
}

export class Prices {
  readonly #parts: PriceParts
  /** A guess that learns, for budgets that never ask for prices. */
  readonly #guess = createCostModel()
  readonly #drafts = new Map<string, Promise<DraftPrice>>()
  #samples: Promise<readonly CostSample[]> | undefined
  #measured: Promise<MeasuredCost> | undefined

  constructor(parts: PriceParts) {
    this.#parts = parts
  }

  get identity(): CostIdentity {
    return this.#parts.identity
  }

  /** Prices for a budget, corrected by every pass so far. */
  for(budget: string, options?: MeasureOptions): Promise<MeasuredCost> {
    return needsPrices(budget) ? this.measured(options) : Promise.resolve(this.#guess)
  }

  /** The measured list, corrected by every pass so far; measures if nobody has on this machine. */
  measured(options: MeasureOptions = {}): Promise<MeasuredCost> {
    this.#measured ??= this.#load(options).then(createCostModel)
    this.#measured.catch(() => (this.#measured = undefined))
    return this.#measured
  }

  /** The list as it was measured. */
  async list(): Promise<CostModel> {
    return createCostModel(await this.#load())
  }

  /** Replaces the list by a better one, here and on disk. */
  keep(samples: readonly CostSample[]): void {
    const { cacheDir, identity } = this.#parts
    this.#measured = Promise.resolve(createCostModel(samples))
    this.#samples = Promise.resolve(samples)
    writeCosts(cacheDir, identity, samples)
  }

  /**
   * What the drafter `key` (its options as text) asks for a draft; `measure` is called if nobody has on this machine, and
   * always when `anew`.
   */
  ofDraft(key: string, measure: () => Promise<DraftPrice>, anew = false): Promise<DraftPrice> {
    const known = anew ? undefined : this.#drafts.get(key)
    if (known) return known
    const { cacheDir, identity } = this.#parts
    const remembered = anew ? undefined : readDraftPrice(cacheDir, identity, key)
    const price = remembered ? Promise.resolve(remembered) : measure()
    this.#drafts.set(key, price)
    price.then(
      (found) => remembered ?? writeDraftPrice(cacheDir, identity, key, found),
      () => this.#drafts.delete(key),
    )
    return price
  }

  #load(options: MeasureOptions = {}): Promise<readonly CostSample[]> {
    this.#samples ??= this.#readOrMeasure(options)
    this.#samples.catch(() => (this.#samples = undefined))
    return this.#samples
  }

  async #readOrMeasure(options: MeasureOptions): Promise<readonly CostSample[]> {
    const { cacheDir, identity, model, slots } = this.#parts
    const known = readCosts(cacheDir, identity)
    if (known) return known
    const slot = await slots.take([], { signal: options.signal })
    try {
      await model.tune(slot.sequence)
      const { samples, steady } = await measureCosts(model, slot.sequence, options)
      if (steady) writeCosts(cacheDir, identity, samples)
      return samples
    } finally {
      slot.sequence.truncate(0)
      slot.cached = []
      slots.give(slot)
    }
  }
}
