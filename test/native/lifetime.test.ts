/** Native memory and the event loop: nothing is left behind, nothing grows, nothing blocks. */
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi, { type LibraryHandle } from 'koffi'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openEngine } from '../../src/engine/index.ts'
import { liveHandles } from '../../src/ffi/index.ts'
import { loadModel } from '../../src/model/index.ts'
import { someTokens, tinyFile } from '../tiny.ts'

let cacheDir: string
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'heterospec-cache-'))
})
afterAll(() => rm(cacheDir, { recursive: true }))

describe('native handles', () => {
  it('are all gone after load, generate, dispose', async () => {
    {
      await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir })
      const result = await engine.complete({ prompt: 'one two one two', maxTokens: 40, ignoreEos: true })
      expect(result.tokens.length).toBe(40)
      expect(Object.keys(liveHandles()).length).toBeGreaterThan(0)
    }
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after an answer that was left half-way', async () => {
    {
      await using engine = await openEngine(inject('tinyModelPath'), { threads: 1, cacheDir })
      for await (const event of engine.generate({ prompt: 'one two', maxTokens: 1000, ignoreEos: true })) {
        if (event.type === 'text') break
      }
      // The engine is free for the next request.
      const result = await engine.complete({ prompt: 'one two', maxTokens: 3, ignoreEos: true })
      expect(result.finishReason).toBe('length')
    }
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after a load that failed', async () => {
    const path = await tinyFile({ weightType: 'q8_0' })
    await expect(loadModel(path, { context: 1 << 28, kvType: 'f32' })).rejects.toThrow(/expected/)
    await expect(openEngine(path, { threads: 0 })).rejects.toThrow(/expected/)
    expect(liveHandles()).toEqual({})
  })

  it('are all gone after a load that was aborted', async () => {
    const controller = new AbortController()
    const work = openEngine(inject('modelPath'), {
      threads: 1,
      cacheDir,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(work).rejects.toMatchObject({ code: 'aborted' })
    expect(liveHandles()).toEqual({})
  })

  it('may be disposed of twice, and refuse work afterwards', async () => {
    const model = await loadModel(inject('tinyModelPath'), { context: 128 })
    const sequence = model.open()
    sequence[Symbol.dispose]()
    sequence[Symbol.dispose]()
    await expect(sequence.prefill([5, 6])).rejects.toMatchObject({ code: 'disposed' })
    await model[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
    expect(() => model.open()).toThrow(/disposed/)
  })
})

describe.runIf(process.platform === 'linux')('memory', () => {
  it('does not grow when models come and go', async ({ skip }) => {
    // Pages that a process holds say nothing: its collector takes and gives back memory when it likes.
    const allocated = allocatedBytes()
    if (!allocated) return skip('the C library has no mallinfo2: glibc 2.33 or newer')
    const path = await tinyFile({ weightType: 'q8_0', context: 4096 })
    const cycle = async (): Promise<void> => {
      await using model = await loadModel(path, { threads: 1 })
      using sequence = model.open()
      await sequence.prefill(someTokens(200))
      expect(await mappingsOf(path)).toBeGreaterThan(0)
    }
    const threads = async (): Promise<number> => (await readdir('/proc/self/task')).length
    for (let i = 0; i < 10; i++) await cycle()
    const [before, threadsBefore] = [allocated(), await threads()]
    const cycles = 30
    for (let i = 0; i < cycles; i++) await cycle()
    expect(await mappingsOf(path)).toBe(0)
    // One model with its cache takes about 5 MB. What nobody holds any more is freed in its own time, what leaks never.
    const patient = { timeout: 60_000, interval: 100 }
    await expect.poll(() => (allocated() - before) / cycles, patient).toBeLessThan(1 << 18)
    await expect.poll(threads, patient).toBeLessThan(threadsBefore + cycles / 2)
  })
})

describe('the event loop', () => {
  it('stays alive while a prompt is read and an answer is written', async () => {
    await using engine = await openEngine(inject('modelPath'), {
      threads: 1,
      context: 512,
      cacheDir,
      speculative: 'off',
    })
    let turns = 0
    let running = true
    const turn = (): void => {
      turns++
      if (running) setImmediate(turn)
    }
    setImmediate(turn)
    const turnsBefore: number[] = []
    const request = { prompt: 'Once upon a time '.repeat(50), maxTokens: 60, ignoreEos: true }
    for await (const event of engine.generate(request)) if (event.type === 'round') turnsBefore.push(turns)
    running = false
    const [first = 0, last = 0] = [turnsBefore[0], turnsBefore.at(-1)]
    console.log(`event loop: ${first} turns up to the first round, ${last - first} in ${turnsBefore.length - 1} more rounds`)
    expect(turnsBefore.length).toBeGreaterThan(50)
    // Passes that block leave some turns for each of them. Others last for thousands, however slow or busy the machine.
    expect(first).toBeGreaterThan(500)
    expect((last - first) / turnsBefore.length).toBeGreaterThan(50)
  })
})

/** What this process has taken from the C library and not given back, after a collection; undefined where nobody can say. */
function allocatedBytes(): (() => number) | undefined {
  const libc = koffi.load(null)
  if (!hasSymbol(libc, 'mallinfo2')) return undefined
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const names = 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'.split(' ')
  const type = koffi.struct(Object.fromEntries(names.map((name) => [name, 'size_t'])))
  const mallinfo = libc.func('mallinfo2', type, [])
  return () => {
    collect()
    const { uordblks, hblkhd } = mallinfo() as { uordblks: number; hblkhd: number }
    return uordblks + hblkhd
  }
}

/** Places at which a file lies in the memory of this process. */
async function mappingsOf(path: string): Promise<number> {
  const real = await realpath(path)
  return (await readFile('/proc/self/maps', 'utf8')).split('\n').filter((line) => line.endsWith(real)).length
}

function hasSymbol(library: LibraryHandle, name: string): boolean {
  try {
    library.symbol(name)
    return true
  } catch {
    return false
  }
}
