/** Views of native memory, and the count of live native handles that the leak tests read. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { platform } from 'node:os'
import koffi from 'koffi'
import { assert } from '../util/assert.ts'

/** A live view of `bytes` of native memory. It has no tie to the owner's life: drop it before the owner is freed. */
export function viewMemory(address: bigint, bytes: number): ArrayBuffer {
  assert(address !== 0n, 'a view of the null address')
  return koffi.view(address, bytes)
}

/** Memory that stays where it is until it is freed, for structs that C keeps. */
export function allocateNative(bytes: number): { readonly address: bigint; readonly view: DataView } & Disposable {
  const address = koffi.alloc('uint8_t', bytes) as bigint
  countHandle('memory', 1)
  return {
    address,
    view: new DataView(viewMemory(address, bytes)),
    [Symbol.dispose]: () => {
      koffi.free(address)
      countHandle('memory', -1)
    },
  }
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

/** A file's bytes in the address space, read-only: nothing is copied, pages come from the file when they are touched. */
export interface MappedFile extends Disposable {
  readonly address: bigint
  readonly bytes: number
}

const PROT_READ = 1
const MAP_PRIVATE = 2
const MADV_WILLNEED = 3

/** Maps a file, or returns undefined where that is not possible (Windows, odd file systems). Load the libraries first. */
export function mapFile(path: string): MappedFile | undefined {
  if (platform() === 'win32') return undefined
  const libc = koffi.load(null)
  const mmap = libc.func('void* mmap(void* address, size_t length, int protection, int flags, int fd, int64_t offset)')
  const madvise = libc.func('int madvise(void* address, size_t length, int advice)')
  const munmap = libc.func('int munmap(void* address, size_t length)')
  const file = openSync(path, 'r')
  try {
    const bytes = fstatSync(file).size
    const address = mmap(null, bytes, PROT_READ, MAP_PRIVATE, file, 0) as bigint
    if (BigInt.asIntN(64, address) === -1n) return undefined
    countHandle('mapping', 1)
    madvise(address, bytes, MADV_WILLNEED)
    let mapped = true
    return {
      address,
      bytes,
      [Symbol.dispose]: () => {
        if (!mapped) return
        mapped = false
        munmap(address, bytes)
        countHandle('mapping', -1)
      },
    }
  } finally {
    closeSync(file)
  }
}
