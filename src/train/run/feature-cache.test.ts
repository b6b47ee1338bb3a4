import { mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fakeReader, someTexts } from '../../../test/fakes/training-texts.ts'
import { FeatureCache } from './feature-cache.ts'

const texts = someTexts(40)
const all = [...texts.keys()]
const rows = texts.reduce((sum, { tokens }) => sum + tokens.length, 0)
const expected = await fakeReader(4).read(texts.map(({ tokens }) => tokens))

let folder: string
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'heterospec-features-'))))
afterEach(() => rm(folder, { recursive: true }))

function open(limitBytes = 1e9, identity = ['model', 'taps'], given = texts) {
  const reader = fakeReader(4)
  return { reader, cache: new FeatureCache(given, reader, { folder, identity, limitBytes, shardRows: 100 }) }
}

async function shards(): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names
    .filter((name) => name.endsWith('.features'))
    .map((name) => join(folder, name))
    .sort()
}

it('gives back what it computed, and a later run computes nothing', async () => {
  const first = open()
  expect(await first.cache.prepare()).toBe(1)
  expect(first.reader.counts.rows).toBe(rows)
  const second = open()
  const done: number[] = []
  await second.cache.prepare({ onProgress: (count) => done.push(count) })
  expect(done.at(-1)).toBe(rows)
  expect(await second.cache.read(all)).toEqual(expected)
  expect(await second.cache.read([7, 3, 7])).toEqual([expected[7], expected[3], expected[7]])
  expect(second.reader.counts.rows).toBe(0)
})

it('computes a shard again that was cut short, damaged, or is of something else', async () => {
  await open().cache.prepare()
  const [first, second] = await shards()
  await truncate(first!, 1000)
  await writeFile(second!, Buffer.alloc(64), { flag: 'r+' })
  const { cache, reader } = open()
  await cache.prepare()
  expect(reader.counts.rows).toBeGreaterThan(0)
  expect(reader.counts.rows).toBeLessThan(rows / 2)
  expect(await cache.read(all)).toEqual(expected)
})

it('computes what another run took away meanwhile', async () => {
  const { cache } = open()
  await cache.prepare()
  for (const path of (await shards()).slice(0, 2)) await rm(path)
  expect(await cache.read(all)).toEqual(expected)
})

it('keeps within its limit and gives the same numbers for the rest', async () => {
  const { cache } = open(6000)
  const share = await cache.prepare()
  expect(share).toBeGreaterThan(0)
  expect(share).toBeLessThan(1)
  expect((await shards()).length).toBeGreaterThan(0)
  expect(await cache.read(all)).toEqual(expected)
  expect(await open(0).cache.prepare()).toBe(0)
})

it('computes only what is new when texts were added', async () => {
  const half = texts.slice(0, 20)
  await open(1e9, ['model', 'taps'], half).cache.prepare()
  const { cache, reader } = open()
  await cache.prepare()
  const before = half.reduce((sum, { tokens }) => sum + tokens.length, 0)
  // The last shard of the first run was not full, and is another one now.
  expect(reader.counts.rows).toBeLessThan(rows - before + 200)
  expect(await cache.read(all)).toEqual(expected)
})

it('another target has other files, and the oldest make room', async () => {
  await open(30_000, ['old']).cache.prepare()
  const old = await shards()
  for (const path of old) await utimes(path, 1, 1)
  await open(90_000, ['new']).cache.prepare()
  expect(await shards()).toEqual(expect.arrayContaining(old))
  await open(30_000, ['newest']).cache.prepare()
  expect((await shards()).filter((path) => old.includes(path))).toEqual([])
})
