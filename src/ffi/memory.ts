/** Views of native memory, and the count of live native handles that the leak tests read. */
import koffi from 'koffi'
import { assert } from '../util/assert.ts'

/** A live view of `bytes` of native memory. It has no tie to the owner's life: drop it before the owner is freed. */
export function viewMemory(address: bigint, bytes: number): ArrayBuffer {
  assert(address !== 0n, 'a view of the null address')
  return koffi.view(address, bytes)
}

const counts = new Map<string, number>()

/** Counts a native handle that was created (`+1`) or freed (`-1`). */
export function countHandle(kind: string, change: 1 | -1): void {
  const next = (counts.get(kind) ?? 0) + change
  assert(next >= 0, `more ${kind} handles freed than created`)
  counts.set(kind, next)
}

/** Live native handles by kind; kinds with none are left out. Empty after everything was disposed. */
export function liveHandles(): Record<string, number> {
  return Object.fromEntries([...counts].filter(([, count]) => count > 0))
}
