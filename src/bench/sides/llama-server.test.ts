import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { fakeLlamaServer } from '../../../test/fakes/llama-server.ts'
import { characterTokenizer, taskOf } from '../../../test/fakes/servers.ts'
import { processAlive } from '../../util/env.ts'
import { LlamaServer } from './llama-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-llama-server-'))
const binary = fakeLlamaServer(folder)
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => void vi.restoreAllMocks())
/** Has one that never gets ready been asked whether it is? */
const wasAsked = (): boolean => existsSync(`${binary}.asked`)

function start(
  flags: readonly string[],
  changes: { signal?: AbortSignal; startLimitMs?: number; binary?: string } = {},
) {
  return LlamaServer.start({
    ...{ name: 'llama-server', binary, modelPath: 'm.gguf', threads: 3, context: 64, flags },
    ...{ tokenizer: characterTokenizer, ...changes },
  })
}

describe('llama-server by its path', () => {
  it('is started with our settings, then the flags of the user, and waited for', async () => {
    await using server = await start(['--load-ms', '300', '--spec-type', 'ngram-simple'])
    const flags = server.side.info.details['build'] as string
    expect(flags).toMatch(/^--model m\.gguf --threads 3 --threads-batch 3 --ctx-size 64 /)
    expect(flags).toMatch(/--cache-type-k f16 --cache-type-v f16 --flash-attn on .*--parallel 1 /)
    expect(flags).toMatch(/--host 127\.0\.0\.1 --port \d+ --load-ms 300 --spec-type ngram-simple$/)
    expect(await server.side.run(taskOf('abc'))).toMatchObject({ text: 'cba', calls: 2 })
    expect(JSON.stringify(server.side.info)).not.toMatch(/http:/) // an address that is another one next time
  })

  it('ends when it is disposed, even against its will', async () => {
    const servers = [await start([]), await start(['--stubborn'])]
    expect(servers.map(({ pid }) => processAlive(pid))).toEqual([true, true])
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    expect(servers.map(({ pid }) => processAlive(pid))).toEqual([false, false])
  })

  it('ends when we are killed', async () => {
    const script = fileURLToPath(new URL('../../../test/fakes/crash-with-server.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script, binary], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    expect(processAlive(pid)).toBe(true)
    child.kill('SIGKILL')
    await expect.poll(() => processAlive(pid), { timeout: 60_000 }).toBe(false)
  })

  it('tells its last words when it dies at its start or later', async () => {
    await expect(start(['--die'])).rejects.toMatchObject({
      code: 'peer-failed',
      message: 'expected llama-server to run, it ended (exit code 3); its last words: loading | error: no such flag',
    })
    await using server = await start(['--crash'])
    await expect(server.side.run(taskOf('abc'))).rejects.toThrow(/it ended .*last words: .*GGML_ASSERT failed/)
    await using slow = await start(['--crash-slowly'])
    await expect(slow.side.run(taskOf('abc'))).rejects.toThrow(/it ended \(exit code 4\)/)
  })

  it('is given up when it does not get ready, is no program, or an abort comes', async () => {
    // Its time is over once it has been asked: however long it takes to start, it has said something by then.
    rmSync(`${binary}.asked`, { force: true })
    const now = performance.now.bind(performance)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + (wasAsked() ? 1e6 : 0))
    await expect(start(['--never'], { startLimitMs: 9e5 })).rejects.toThrow(
      /^expected llama-server to be ready within 900 s, it is not; its last words: loading; try /,
    )
    clock.mockRestore()
    await expect(start([], { binary: join(folder, 'missing') })).rejects.toThrow(/ENOENT; name a llama-server/)
    await expect(start([], { binary: folder })).rejects.toThrow(/EACCES; name a llama-server/)
    const signal = AbortSignal.timeout(300)
    await expect(start(['--never'], { signal })).rejects.toMatchObject({ code: 'aborted' })
  })

  it('shows what it takes while others work, and its memory', async () => {
    await using server = await start([])
    expect(server.idle.theirs).toBeUndefined()
    await server.side.run(taskOf('abc'))
    const idleShare = async (): Promise<number | undefined> => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      await server.side.run(taskOf('abc'))
      return server.idle.theirs
    }
    if (process.platform !== 'linux') return
    // What it still has to do after its first answer takes a slow machine a while.
    await expect.poll(idleShare, { timeout: 60_000 }).toBeLessThan(0.2)
    expect(server.idle.ours).toBeGreaterThanOrEqual(0)
    expect(server.peakBytes).toBeGreaterThan(1e6)
  })
})
