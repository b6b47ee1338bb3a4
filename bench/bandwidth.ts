/** Times plain reads of memory by several threads, in C (`bandwidth.c`): what a pass over weights could reach at best. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import koffi from 'koffi'
import { assert } from '../src/util/assert.ts'

export interface MemoryReader extends Disposable {
  /** Milliseconds for one read of the whole buffer. */
  readMs(): number
}

/** A buffer of `bytes`, read by `threads` threads; undefined where there is no gcc. */
export function openMemoryReader(bytes: number, threads: number): MemoryReader | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-bandwidth-'))
  const file = join(folder, 'bandwidth.so')
  const source = fileURLToPath(new URL('bandwidth.c', import.meta.url))
  try {
    execFileSync('gcc', ['-O3', '-march=native', '-shared', '-fPIC', '-pthread', '-o', file, source])
    const library = koffi.load(file)
    const readSeconds = library.func('double read_seconds(const void* data, size_t bytes, int threads)')
    const readNew = library.func('void* read_new(size_t bytes)')
    const readFree = library.func('void read_free(void* data)')
    const data = readNew(bytes) as bigint | null
    assert(data !== null && data !== 0n, `${bytes} bytes to read`)
    return {
      readMs: () => {
        const seconds = readSeconds(data, bytes, threads) as number
        assert(seconds > 0, `${threads} reading threads`)
        return seconds * 1000
      },
      [Symbol.dispose]: () => {
        readFree(data)
      },
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  } finally {
    rmSync(folder, { recursive: true })
  }
}
