/** The engine's price list: read from disk, or measured at first need, then corrected by every pass. */
import { createCostModel, type MeasuredCost } from '../policy/index.ts'
import type { PricedModel } from '../model/index.ts'
import { measureCosts, readCosts, writeCosts, type CostIdentity, type MeasureOptions } from './cost.ts'
import type { SlotTable } from './slots.ts'

export interface PriceParts {
  readonly model: PricedModel
  readonly slots: SlotTable
  readonly identity: CostIdentity
  readonly cacheDir: string
}

export class Prices {
  readonly #parts: PriceParts
  /** A guess that learns, for budgets that never ask for prices. */
  readonly #guess = createCostModel()
  #measured: Promise<MeasuredCost> | undefined

  constructor(parts: PriceParts) {
    this.#parts = parts
  }

  /** Prices for a budget: only `goodput` decides by them. */
  for(budget: string, options?: MeasureOptions): Promise<MeasuredCost> {
    return budget === 'goodput' ? this.measured(options) : Promise.resolve(this.#guess)
  }

  /** The measured list; measures if nobody has on this machine. */
  measured(options: MeasureOptions = {}): Promise<MeasuredCost> {
    this.#measured ??= this.#load(options)
    this.#measured.catch(() => (this.#measured = undefined))
    return this.#measured
  }

  async #load(options: MeasureOptions): Promise<MeasuredCost> {
    const { cacheDir, identity, model, slots } = this.#parts
    const known = readCosts(cacheDir, identity)
    if (known) return createCostModel(known)
    const slot = await slots.take([], options.signal)
    try {
      await model.tune(slot.sequence)
      const { samples, steady } = await measureCosts(model, slot.sequence, options)
      if (steady) writeCosts(cacheDir, identity, samples)
      return createCostModel(samples)
    } finally {
      slot.sequence.truncate(0)
      slot.cached = []
      slots.give(slot)
    }
  }
}
