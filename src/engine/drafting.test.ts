import { describe, expect, it } from 'vitest'
import type { Drafter } from '../draft/index.ts'
import { Calibrations } from './calibration.ts'
import { DraftingTable, MOST_DRAFTERS, resolveSpeculation, type Drafting, type DraftingParts } from './drafting.ts'

const identity = { model: 'one', library: 'l', threads: 1, kvType: 'f16' }
const target = { name: 'a model', fingerprint: 'one' }

/** No files: drafters here need none. */
const parts = { target, head: { path: undefined } } as unknown as DraftingParts

const openTable = (): DraftingTable =>
  new DraftingTable(parts, new Calibrations({ target, identity, given: false, folders: [] }))

/** Another drafter for each depth. */
const prepare = (table: DraftingTable, maxDepth: number, nodes = 4): Promise<Drafting> =>
  table.prepare(resolveSpeculation({ drafter: { method: 'lookup', maxDepth }, budget: { policy: 'fixed', nodes } }))

/** Prepared and put away again. */
async function touch(table: DraftingTable, maxDepth: number): Promise<Drafter | undefined> {
  using drafting = await prepare(table, maxDepth)
  return drafting.drafter
}

/** Notes when a drafter is put away. */
function watch(drafter: Drafter | undefined, log: string[], name: string): void {
  Object.assign(drafter ?? {}, { [Symbol.asyncDispose]: async () => void log.push(name) })
}

describe('the table of drafters', () => {
  it('knows a drafter by its own settings: whatever the budget, it is the same one', async () => {
    await using table = openTable()
    using a = await prepare(table, 1, 4)
    using b = await prepare(table, 1, 5)
    expect(a.drafter).toBe(b.drafter)
    expect(await touch(table, 2)).not.toBe(a.drafter)
  })

  it('makes room by putting away what was held longest ago, and never what is held', async () => {
    await using table = openTable()
    const log: string[] = []
    using held = await prepare(table, 1)
    watch(held.drafter, log, 'held')
    const kept = await touch(table, 2)
    const oldest = await touch(table, 3)
    watch(oldest, log, 'oldest')
    for (let depth = 4; depth <= MOST_DRAFTERS; depth++) await touch(table, depth)
    expect(await touch(table, 2)).toBe(kept)
    expect(log).toEqual([])
    await touch(table, MOST_DRAFTERS + 1)
    await expect.poll(() => log, { timeout: 60_000 }).toEqual(['oldest'])
    expect(await touch(table, 3)).not.toBe(oldest)
    expect(await touch(table, 2)).toBe(kept)
    expect(await touch(table, 1)).toBe(held.drafter)
    expect(log).toEqual(['oldest'])
  })

  it('refuses one more where all are held, and takes it when one is free, however often that one was put away', async () => {
    await using table = openTable()
    const all: Drafting[] = []
    for (let depth = 1; depth <= MOST_DRAFTERS; depth++) all.push(await prepare(table, depth))
    await expect(prepare(table, 60)).rejects.toMatchObject({ code: 'busy' })
    const [first, second] = all as [Drafting, Drafting]
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    using other = await prepare(table, 60)
    await expect(prepare(table, 61)).rejects.toMatchObject({ code: 'busy' })
    using again = await prepare(table, 2)
    expect(again.drafter).toBe(second.drafter)
    expect(other.drafter).not.toBe(first.drafter)
  })

  it('goes on where one that is put away fails to go', async () => {
    await using table = openTable()
    const failing = await touch(table, 1)
    Object.assign(failing ?? {}, { [Symbol.asyncDispose]: () => Promise.reject(new Error('stays')) })
    for (let depth = 2; depth <= MOST_DRAFTERS + 1; depth++) await touch(table, depth)
    // A rejection that nobody handles would end the run.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await touch(table, 1)).not.toBe(failing)
  })

  it('gives no place to one that cannot be made', async () => {
    await using table = openTable()
    const wrong = resolveSpeculation({ drafter: { method: 'lookup', minNgram: 5, maxNgram: 2 } })
    for (let time = 0; time <= MOST_DRAFTERS; time++) {
      await expect(table.prepare(wrong)).rejects.toMatchObject({ code: 'bad-option' })
    }
    expect(await touch(table, 1)).toBeDefined()
  })
})
