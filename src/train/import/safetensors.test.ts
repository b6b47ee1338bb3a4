/** Safetensors files that lie: one sentence each, and never more memory than the file is long. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { safetensors, withHeader } from '../../../test/fixtures/published-head.ts'
import { readFloats, readIntegers, readSafetensors } from './safetensors.ts'

let path: string
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'heterospec-safetensors-')), 'file.safetensors')
})
afterAll(() => rm(join(path, '..'), { recursive: true }))

const entry = (dtype: unknown, shape: unknown, ...range: unknown[]): unknown => ({ dtype, shape, data_offsets: range })
const file = (header: unknown, bytes = 16): Buffer => withHeader(JSON.stringify(header), Buffer.alloc(bytes))

function headerLength(length: bigint, rest: Buffer): Buffer {
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(length)
  return Buffer.concat([start, rest])
}

const hostile: Record<string, readonly [Buffer, RegExp]> = {
  'an empty file': [Buffer.alloc(0), /8 bytes at 0 in .*, got only 0/],
  'a header longer than the file': [
    headerLength(100n, Buffer.from('{}')),
    /header of at most 2 bytes .*, got 100 bytes/,
  ],
  'an enormous header': [headerLength(2n ** 63n, Buffer.alloc(100)), /header of at most 100 bytes/],
  'no JSON': [withHeader('{"a":', Buffer.alloc(0)), /a header of JSON .*, got something else/],
  'a list': [file([]), /a header of JSON/],
  'an entry that is no object': [file({ a: 5 }), /type, shape and place of "a"/],
  'a negative extent': [file({ a: entry('F32', [-1], 0, 4) }), /type, shape and place of "a"/],
  'a fraction': [file({ a: entry('F32', [1.5], 0, 6) }), /type, shape and place of "a"/],
  'nine dimensions': [file({ a: entry('F32', [1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 4) }), /type, shape and place of "a"/],
  'a type that nobody knows': [file({ a: entry('Q9', [1], 0, 4) }), /a known type of "a" .*, got "Q9"/],
  'extents beyond all numbers': [file({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }), /a sane size of "a"/],
  'bytes for another shape': [file({ a: entry('F32', [2], 0, 4) }), /8 bytes of "a" .*, got 4/],
  'a range that runs backwards': [file({ a: entry('F32', [0], 4, 0) }), /0 bytes of "a" .*, got -4/],
  'a range beyond the end': [file({ a: entry('F32', [5], 0, 20) }), /bytes for "a" .*, got a file of/],
  'tensors that overlap': [
    file({ a: entry('F32', [2], 0, 8), b: entry('F32', [2], 4, 12) }),
    /tensors apart from each other .*, got "a" and "b" in the same bytes/,
  ],
  'a name of a kilobyte': [file({ ['x'.repeat(1000)]: entry('F32', [1], 0, 4) }), /got 1000 letters/],
}

describe('refused headers', () => {
  for (const [name, [bytes, sentence]] of Object.entries(hostile)) {
    it(name, async () => {
      await writeFile(path, bytes)
      const message = expect.stringMatching(sentence) as string
      await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'bad-file', message })
    })
  }

  it('any file that is cut anywhere', async () => {
    const whole = safetensors({ a: { type: 'F32', shape: [4], values: [1, 2, 3, 4] } })
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length))
      await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'bad-file' })
    }
  })
})

describe('numbers', () => {
  it('are the same in every type that has them', async () => {
    const values = [0, -0, 1, -2.5, 2 ** -14, 3 * 2 ** -24, 65504]
    for (const type of ['F32', 'F16'] as const) {
      await writeFile(path, safetensors({ a: { type, shape: [7], values } }))
      const { tensors } = await readSafetensors(path)
      expect([...(await readFloats(tensors[0]!))]).toEqual(values)
    }
    await writeFile(path, safetensors({ a: { type: 'BF16', shape: [3], values: [1, -2.5, 2 ** 100] } }))
    expect([...(await readFloats((await readSafetensors(path)).tensors[0]!))]).toEqual([1, -2.5, 2 ** 100])
    await writeFile(path, safetensors({ a: { type: 'I64', shape: [3], values: [-1, 0, 2 ** 40] } }))
    expect(await readIntegers((await readSafetensors(path)).tensors[0]!)).toEqual([-1, 0, 2 ** 40])
  })

  it.each([
    ['F32', NaN],
    ['F32', -Infinity],
    ['BF16', Infinity],
  ] as const)('%s %s is refused by the name of its tensor', async (type, wrong) => {
    await writeFile(path, safetensors({ a: { type, shape: [2, 2], values: [1, 2, wrong, 4] } }))
    const [tensor] = (await readSafetensors(path)).tensors
    await expect(readFloats(tensor!)).rejects.toThrow(/expected numbers in a in .*, got -?(NaN|Infinity); download/)
  })

  it('of another type are refused', async () => {
    await writeFile(path, safetensors({ a: { type: 'I32', shape: [1], values: [1] } }))
    const [tensor] = (await readSafetensors(path)).tensors
    await expect(readFloats(tensor!)).rejects.toThrow('F32, F16 or BF16 in a')
    await expect(readIntegers({ ...tensor!, type: 'BOOL' })).rejects.toThrow('I64 or I32 in a')
  })
})
