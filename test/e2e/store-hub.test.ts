/** Models of the hub, from a local server that drops, stalls, lies and refuses. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resolveModel, type PullProgress } from '../../src/store/index.ts'
import {
  answer,
  cutAfter,
  deadEndpoint,
  fakeHub,
  fileHash,
  fileSize,
  filesUnder,
  sampleBytes,
  scratchFolder,
  sha256,
  type Fault,
} from './store-fixtures.ts'

const content = sampleBytes(400_000)
const files = { 'README.md': Buffer.from('# model'), 'model-Q4_K_M.gguf': content, 'model-Q8_0.gguf': sampleBytes(10) }
const name = 'hf:user/repo:Q4_K_M'
const folder = 'models/hf--user--repo--Q4_K_M'
const part = `${folder}/model-Q4_K_M.gguf.part`
const fileUrl = '/user/repo/resolve/main/model-Q4_K_M.gguf'

async function setup(served: Readonly<Record<string, Buffer>> = files, wrongHash = false) {
  const scratch = await scratchFolder()
  const hub = await fakeHub(served, wrongHash)
  const options = { cacheDir: scratch.path, hub: hub.access }
  return {
    ...{ hub, options, cacheDir: scratch.path },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]()
      await scratch[Symbol.asyncDispose]()
    },
  }
}

describe('pulling from the hub', () => {
  it('finds a file by its quantisation, checks it, and needs no network afterwards', async () => {
    await using place = await setup()
    const model = await resolveModel('hf:user/repo:q4_k_m', place.options)
    expect(model).toMatchObject({ name, bytes: content.length, source: 'hf:user/repo/model-Q4_K_M.gguf' })
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(await filesUnder(place.cacheDir)).toEqual([`${folder}/model-Q4_K_M.gguf`, `${folder}/model.json`])
    const before = place.hub.requests.length
    expect(await resolveModel(name, place.options)).toEqual(model)
    expect(await resolveModel('hf:user/repo/model-Q4_K_M.gguf', place.options)).toEqual(model)
    expect(place.hub.requests).toHaveLength(before)
  })

  it('brings all files of a split model, the first one first', async () => {
    const parts = [sampleBytes(1000, 3), sampleBytes(2000, 4)]
    const split = { 'q8/big-00002-of-00002.gguf': parts[1]!, 'q8/big-00001-of-00002.gguf': parts[0]! }
    await using place = await setup(split)
    const model = await resolveModel('hf:user/repo:q8', place.options)
    expect(model).toMatchObject({ bytes: 3000 })
    expect(model.path.endsWith('big-00001-of-00002.gguf')).toBe(true)
    expect(await fileHash(model.path)).toBe(sha256(parts[0]!))
    expect(await fileHash(model.path.replace('00001-of', '00002-of'))).toBe(sha256(parts[1]!))
  })

  it('takes a lost connection up again where it was lost', async () => {
    await using place = await setup()
    place.hub.faults.push(
      () => false,
      cutAfter(content, 100_000, join(place.cacheDir, part)),
      answer(503),
      cutAfter(content, 50_000, join(place.cacheDir, part)),
    )
    const seen: PullProgress[] = []
    const model = await resolveModel(name, { ...place.options, onProgress: (progress) => seen.push(progress) })
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(place.hub.requests.slice(1)).toEqual([
      `GET ${fileUrl}`,
      `GET ${fileUrl} bytes=100000-`,
      `GET ${fileUrl} bytes=100000-`,
      `GET ${fileUrl} bytes=150000-`,
    ])
    const downloaded = seen.filter(({ phase }) => phase === 'download').map(({ done }) => done)
    expect(downloaded).toEqual([...downloaded].sort((a, b) => a - b))
  })

  it('keeps what it has when it gives up, and the next pull goes on there', async () => {
    await using place = await setup()
    place.hub.faults.push(
      () => false,
      cutAfter(content, 100_000, join(place.cacheDir, part)),
      ...Array.from({ length: 9 }, () => answer(500)),
    )
    await expect(resolveModel(name, place.options)).rejects.toThrow(/HTTP 500; run the command again to go on/)
    expect(await filesUnder(place.cacheDir)).toEqual([part, `${part}.json`])
    place.hub.faults.length = 0
    const model = await resolveModel(name, place.options)
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(place.hub.requests.at(-1)).toBe(`GET ${fileUrl} bytes=100000-`)
  })

  it('starts again with a server that ignores ranges, and with one that cannot continue', async () => {
    const whole: Fault = (_request, response) => {
      response.end(content)
      return true
    }
    for (const second of [whole, answer(416), answer(206)]) {
      await using place = await setup()
      place.hub.faults.push(() => false, cutAfter(content, 100_000, join(place.cacheDir, part)), second)
      const model = await resolveModel(name, place.options)
      expect(await fileHash(model.path)).toBe(sha256(content))
    }
  })

  it('deletes a file with another hash', async () => {
    await using place = await setup(files, true)
    await expect(resolveModel(name, place.options)).rejects.toThrow(/expected SHA-256 .* the copy was deleted/)
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('does not take more bytes than were promised', async () => {
    await using place = await setup()
    place.hub.faults.push(
      () => false,
      (_request, response) => {
        response.write(content)
        response.end(content)
        return true
      },
    )
    await expect(resolveModel(name, place.options)).rejects.toThrow('got more')
  })

  it('gives up on a server that says nothing', async () => {
    await using place = await setup()
    const silent: Fault = () => true
    place.hub.faults.push(silent)
    const hub = { ...place.hub.access, connectMs: 50 }
    await expect(resolveModel(name, { ...place.options, hub })).rejects.toThrow(
      /no answer in 0.05 s; check the network/,
    )
  })

  it('takes a stalled download up again', async () => {
    await using place = await setup()
    place.hub.faults.push(
      () => false,
      (_request, response) => {
        response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 70_000))
        return true
      },
    )
    // A busy machine may stall the second time, too: then there is a third.
    const hub = { ...place.hub.access, stallMs: 1000 }
    const model = await resolveModel(name, { ...place.options, hub })
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(place.hub.requests.slice(1, 3)).toEqual([
      `GET ${fileUrl}`,
      expect.stringMatching(/ bytes=[1-9]\d*-$/) as string,
    ])
  })

  it('says where there is no server', async () => {
    await using scratch = await scratchFolder()
    const endpoint = await deadEndpoint()
    const hub = { endpoint, token: undefined }
    const failure = expect(resolveModel(name, { cacheDir: scratch.path, hub })).rejects
    await failure.toThrow(`expected to reach ${endpoint} for hf:user/repo, got ECONNREFUSED; check the network`)
    expect(await filesUnder(scratch.path)).toEqual([])
  })

  it.each([
    [401, undefined, /HTTP 401; check the name, or set HF_TOKEN/],
    [403, 'secret', /HTTP 403; accept the licence/],
    [404, undefined, /to exist, got HTTP 404; check user, repository/],
    [410, undefined, /got HTTP 410/],
    [500, undefined, /got HTTP 500; try again later/],
  ])('explains HTTP %i (token %s)', async (status, token, message) => {
    await using place = await setup()
    place.hub.faults.push(answer(status))
    const hub = { ...place.hub.access, token }
    await expect(resolveModel(name, { ...place.options, hub })).rejects.toThrow(message)
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('sends the token, and only where there is one', async () => {
    const seen: (string | undefined)[] = []
    for (const token of ['secret', undefined]) {
      await using place = await setup()
      place.hub.faults.push((request) => {
        seen.push(request.headers.authorization)
        return false
      })
      await resolveModel(name, { ...place.options, hub: { ...place.hub.access, token } })
    }
    expect(seen).toEqual(['Bearer secret', undefined])
  })

  it.each(['<html>', '{"error":1}', '[{"type":"file"}]'])('explains a strange list of files: %s', async (body) => {
    await using place = await setup()
    place.hub.faults.push((_request, response) => {
      response.end(body)
      return true
    })
    await expect(resolveModel(name, place.options)).rejects.toThrow(/expected a list of files of hf:user\/repo/)
  })

  it('follows the pages of a long list', async () => {
    await using place = await setup()
    place.hub.faults.push((request, response) => {
      const next = new URL('/api/models/user/repo/tree/main?recursive=1', `http://${request.headers.host ?? ''}`)
      response.writeHead(200, { link: `<${next.href}>; rel="next"` }).end('[]')
      return true
    })
    expect((await resolveModel(name, place.options)).bytes).toBe(content.length)
  })

  it('keeps the part on abort', async () => {
    await using place = await setup()
    place.hub.faults.push(
      () => false,
      (_request, response) => {
        response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 70_000))
        return true
      },
    )
    const controller = new AbortController()
    const pulled = resolveModel(name, { ...place.options, signal: controller.signal })
    await expect.poll(() => fileSize(join(place.cacheDir, part))).toBe(70_000)
    controller.abort()
    await expect(pulled).rejects.toMatchObject({ code: 'aborted' })
    expect(await filesUnder(place.cacheDir)).toContain(part)
    expect(await filesUnder(place.cacheDir)).not.toContain(`${folder}.lock`)
  })
})
