/** `pull`, `models` and `inspect` as real processes: two at once, killed ones, interrupted ones, a disk with a limit. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { program } from './cli.ts'
import {
  fakeHub,
  fileHash,
  filesUnder,
  fileSize,
  sampleBytes,
  scratchFolder,
  sha256,
  type Fault,
} from './store-fixtures.ts'

const content = sampleBytes(400_000)
const name = 'hf:user/repo:Q4_0'
const folder = 'models/hf--user--repo--Q4_0'
const fileUrl = '/user/repo/resolve/main/model-Q4_0.gguf'

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly end: Promise<Result>
}

/** Starts the program; `shell` is a command line before it, e.g. a limit. */
function start(args: readonly string[], env: Readonly<Record<string, string>>, shell = ''): Running {
  const words = [...program, ...args]
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const child = spawn('sh', ['-c', `${shell} exec ${quoted}`], { env: { ...process.env, ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const end = new Promise<Result>((done) => child.on('close', (code) => done({ code, stdout, stderr })))
  return { child, stderr: () => stderr, end }
}

async function setup() {
  const scratch = await scratchFolder()
  const hub = await fakeHub({ 'model-Q4_0.gguf': content })
  const env = { HETEROSPEC_CACHE: scratch.path, HF_ENDPOINT: hub.access.endpoint ?? '', HF_TOKEN: '' }
  return {
    ...{ hub, env, cacheDir: scratch.path },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]()
      await scratch[Symbol.asyncDispose]()
    },
  }
}

/** Sends a beginning at once and the rest when told. */
function held(): { fault: Fault; release: () => void } {
  let release = (): void => undefined
  const released = new Promise<void>((done) => (release = done))
  const fault: Fault = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 100_000))
    void released.then(() => response.end(content.subarray(100_000)))
    return true
  }
  return { fault, release: () => release() }
}

const normal: Fault = () => false
const part = `${folder}/model-Q4_0.gguf.part`

function partBytes(cacheDir: string): Promise<number> {
  return fileSize(join(cacheDir, part))
}

describe('heterospec pull', () => {
  it('prints the path, and the next time finds the file in the cache', async () => {
    await using place = await setup()
    const path = join(place.cacheDir, folder, 'model-Q4_0.gguf')
    const first = await start(['pull', name], place.env).end
    expect(first).toMatchObject({ code: 0, stdout: `${path}\n` })
    expect(await fileHash(path)).toBe(sha256(content))
    const second = await start(['pull', name, '--json'], { ...place.env, HF_ENDPOINT: 'http://127.0.0.1:1' }).end
    expect(second.stderr).toBe(`${name}: 400 kB, already in the cache\n`)
    expect(JSON.parse(second.stdout)).toMatchObject({ name, path, bytes: content.length, sha256: sha256(content) })
  })

  it('fetches once when two processes pull the same model', async () => {
    await using place = await setup()
    const { fault, release } = held()
    place.hub.faults.push(normal, fault)
    const first = start(['pull', name], place.env)
    await expect.poll(() => partBytes(place.cacheDir)).toBe(100_000)
    const second = start(['pull', name], place.env)
    await expect.poll(second.stderr).toContain('another process is pulling')
    release()
    const results = await Promise.all([first.end, second.end])
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(results[0].stdout).toBe(results[1].stdout)
    expect(place.hub.requests.filter((line) => line.includes(fileUrl))).toEqual([`GET ${fileUrl}`])
    expect(await filesUnder(place.cacheDir)).toEqual([`${folder}/model-Q4_0.gguf`, `${folder}/model.json`])
  })

  it('goes on where a killed process stopped, at once', async () => {
    await using place = await setup()
    place.hub.faults.push(normal, held().fault)
    const first = start(['pull', name], place.env)
    await expect.poll(() => partBytes(place.cacheDir)).toBe(100_000)
    first.child.kill('SIGKILL')
    await first.end
    expect(await filesUnder(place.cacheDir)).toContain(`${folder}.lock`)
    const second = await start(['pull', name], place.env).end
    expect(second.code).toBe(0)
    expect(place.hub.requests.at(-1)).toBe(`GET ${fileUrl} bytes=100000-`)
    expect(await fileHash(second.stdout.trim())).toBe(sha256(content))
  })

  it('ends with 130 on Ctrl-C, without a lock and without a half file under the final name', async () => {
    await using place = await setup()
    place.hub.faults.push(normal, held().fault)
    const pull = start(['pull', name], place.env)
    await expect.poll(() => partBytes(place.cacheDir)).toBe(100_000)
    pull.child.kill('SIGINT')
    expect((await pull.end).code).toBe(130)
    expect(await filesUnder(place.cacheDir)).toEqual([part, `${part}.json`])
  })

  it('says that the disk is full, and where', async () => {
    await using place = await setup()
    // A limit of 200 blocks (100 to 200 kB) stands for the disk: writing beyond it fails like on a full one.
    const { code, stderr } = await start(['pull', name], place.env, 'ulimit -f 200;').end
    expect(code).toBe(1)
    expect(stderr).toMatch(/expected \d{6} bytes free in .*hf--user--repo--Q4_0, got a full disk \(EFBIG\); make room/)
    expect(await filesUnder(place.cacheDir)).not.toContain(`${folder}/model-Q4_0.gguf`)
  })

  it('explains a cache folder that is a file', async () => {
    await using place = await setup()
    const file = join(place.cacheDir, 'file')
    await writeFile(file, '')
    const { code, stderr } = await start(['pull', name], { ...place.env, HETEROSPEC_CACHE: file }).end
    expect(code).toBe(1)
    expect(stderr).toMatch(/expected to write to .*, got ENOTDIR; set HETEROSPEC_CACHE to a folder/)
  })

  it('answers an unknown name with the nearest one', async () => {
    await using place = await setup()
    const { code, stderr } = await start(['pull', 'smolm2-135m'], place.env).end
    expect(code).toBe(1)
    expect(stderr).toContain('Did you mean "smollm2-135m"?')
    expect(place.hub.requests).toEqual([])
  })

  it('takes a file of the user as it is', async () => {
    await using place = await setup()
    const path = inject('tinyModelPath')
    const { stdout, stderr } = await start(['pull', path], place.env).end
    expect(stdout).toBe(`${path}\n`)
    expect(stderr).toContain('a file of your own')
    const missing = await start(['pull', './no/such.gguf'], place.env).end
    expect(missing.stderr).toContain(`expected a GGUF file at ${resolve('no/such.gguf')}, got no file there`)
  })
})

describe('heterospec models', () => {
  it('lists the cache and what is known', async () => {
    await using place = await setup()
    const empty = await start(['models'], place.env).end
    expect(empty.stdout).toContain(`No models in ${place.cacheDir}.`)
    expect(empty.stdout).toMatch(/smollm2-135m +98.4 MB {2}Apache-2.0/)
    await start(['pull', name], place.env).end
    // A pull that has not ended is not a model.
    await mkdir(join(place.cacheDir, 'models/other'))
    await writeFile(join(place.cacheDir, 'models/other/other.gguf.part'), 'half')
    const listed = (await start(['models'], place.env).end).stdout
    expect(listed).toMatch(/^hf:user\/repo:Q4_0 +400 kB {2}- +\d{4}-\d\d-\d\d {2}hf:user\/repo\/model-Q4_0.gguf/m)
    const document = JSON.parse((await start(['models', '--json'], place.env).end).stdout) as { models: unknown[] }
    expect(document.models).toHaveLength(1)
  })
})

describe('heterospec inspect', () => {
  it('shows metadata, and tensors when asked', async () => {
    await using place = await setup()
    const path = inject('tinyModelPath')
    const plain = await start(['inspect', path], place.env).end
    expect(plain.stdout).toMatch(/^parameters +\d.* bits per weight\)$/m)
    expect(plain.stdout).toContain('general.architecture')
    expect(plain.stdout).not.toContain('token_embd.weight')
    const full = await start(['inspect', path, '--tensors'], place.env).end
    expect(full.stdout).toMatch(/^token_embd.weight +Q8_0/m)
    const document: unknown = JSON.parse((await start(['inspect', path, '--json'], place.env).end).stdout)
    expect(document).toMatchObject({ architecture: 'llama', files: [{ path }] })
  })

  it('never fetches', async () => {
    await using place = await setup()
    const { code, stderr } = await start(['inspect', name], place.env).end
    expect(code).toBe(1)
    expect(stderr).toContain(`expected ${name} in the cache, got nothing; run "heterospec pull ${name}" first`)
    expect(place.hub.requests).toEqual([])
  })

  it('explains a file that is no GGUF', async () => {
    await using place = await setup()
    const path = join(place.cacheDir, 'text.gguf')
    await writeFile(path, 'This is a text.')
    const { code, stderr } = await start(['inspect', path], place.env).end
    expect(code).toBe(1)
    expect(stderr).toContain(path)
    expect(stderr).not.toContain('at ')
  })
})
