/** Who owns which slots: contiguous runs, first fit. A run per sequence keeps slot order equal to position order, which exact attention needs. */
import { assert } from '../util/assert.ts'
import type { Region } from './types.ts'

export class SlotPool {
  readonly size: number
  /** Free runs, ascending, never touching each other. */
  #free: Region[]

  constructor(size: number) {
    this.size = size
    this.#free = [{ start: 0, size }]
  }

  /** Slots not owned by anybody. */
  get freeSlots(): number {
    return this.#free.reduce((sum, region) => sum + region.size, 0)
  }

  /** A run of `size` slots, or undefined when no run is long enough. */
  take(size: number): Region | undefined {
    const index = this.#free.findIndex((region) => region.size >= size)
    const found = this.#free[index]
    if (!found) return undefined
    const rest = { start: found.start + size, size: found.size - size }
    this.#free.splice(index, 1, ...(rest.size > 0 ? [rest] : []))
    return { start: found.start, size }
  }

  /** Returns a run. */
  give(region: Region): void {
    const end = region.start + region.size
    const overlaps = this.#free.some((free) => free.start < end && region.start < free.start + free.size)
    assert(!overlaps && end <= this.size, `slots ${region.start}..${end} freed twice`)
    const sorted = [...this.#free, region].sort((a, b) => a.start - b.start)
    this.#free = []
    for (const next of sorted) {
      const last = this.#free.at(-1)
      if (last && last.start + last.size === next.start) {
        this.#free[this.#free.length - 1] = { start: last.start, size: last.size + next.size }
      } else this.#free.push(next)
    }
  }
}
