import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { tinyModel } from '../../test/fixtures/tiny.ts'
import { describeModel, encodeGguf, loadGguf, quantNumbers, quantType, writeGguf } from './index.ts'
import type { GgufToWrite, MetadataValue, TensorToWrite } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'gguf-'))
afterAll(() => rmSync(folder, { recursive: true }))

function save(name: string, contents: GgufToWrite | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, contents instanceof Uint8Array ? contents : encodeGguf(contents))
  return path
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const f32 = fc.float({ noNaN: true })
const scalar: fc.Arbitrary<MetadataValue> = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.nat(255) }),
  fc.record({ type: fc.constant('i16' as const), value: fc.integer({ min: -32768, max: 32767 }) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constant('i64' as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant('u64' as const), value: fc.bigInt({ min: 1n << 60n, max: (1n << 64n) - 1n }) }),
  fc.record({ type: fc.constant('f32' as const), value: f32 }),
  fc.record({ type: fc.constant('f64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('string' as const), value: text }),
)
const array: fc.Arbitrary<MetadataValue> = fc.oneof(
  fc.record({ type: fc.constant('array' as const), of: fc.constant('string' as const), values: fc.array(text) }),
  fc.record({ type: fc.constant('array' as const), of: fc.constant('bool' as const), values: fc.array(fc.boolean()) }),
  fc.record({
    type: fc.constant('array' as const),
    of: fc.constant('i8' as const),
    values: fc.array(fc.integer({ min: -128, max: 127 })),
  }),
  fc.record({ type: fc.constant('array' as const), of: fc.constant('f32' as const), values: fc.array(f32) }),
)
const key = fc
  .stringMatching(/^[a-z_.]{1,30}$/)
  .filter((name) => !name.startsWith('general.alignment') && !name.startsWith('split.'))
const tensor: fc.Arbitrary<TensorToWrite> = fc
  .record({
    name: fc.stringMatching(/^[a-z0-9_.]{1,63}$/),
    type: fc.constantFrom(...quantNumbers()),
    blocks: fc.integer({ min: 1, max: 3 }),
    rest: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  })
  .map(({ name, type, blocks, rest }) => {
    const { blockSize, blockBytes } = quantType(type)!
    const data = new Uint8Array(blocks * blockBytes * rest.reduce((product, extent) => product * extent, 1)).fill(
      name.length,
    )
    return { name, type, shape: [blocks * blockSize, ...rest], data }
  })

describe('reading and writing GGUF', () => {
  it('gives back every value and tensor that was written', () => {
    const contents = fc.record({
      metadata: fc.dictionary(key, fc.oneof(scalar, array), { noNullPrototype: true }),
      tensors: fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 }),
      alignment: fc.constantFrom(undefined, 1, 8, 32, 4096),
    })
    fc.assert(
      fc.property(contents, ({ metadata, tensors, alignment }) => {
        const all: Record<string, MetadataValue> = { ...metadata }
        if (alignment !== undefined) all['general.alignment'] = { type: 'u32', value: alignment }
        const bytes = encodeGguf({ metadata: all, tensors })
        const model = loadGguf(save('round.gguf', bytes))
        expect(Object.fromEntries(model.metadata.keys.map((name) => [name, model.metadata.value(name)]))).toEqual(all)
        expect(model.alignment).toBe(alignment ?? 32)
        expect(model.tensors.map(({ name, type, shape }) => ({ name, type, shape }))).toEqual(
          tensors.map(({ name, type, shape }) => ({ name, type, shape })),
        )
        for (const [i, { offset, bytes: size }] of model.tensors.entries()) {
          expect(offset % model.alignment).toBe(0)
          expect(Buffer.from(bytes.subarray(offset, offset + size))).toEqual(
            Buffer.from(tensors[i]!.data as Uint8Array),
          )
        }
      }),
      { numRuns: 150 },
    )
  })

  it('writes a file under its name only when it is complete', async () => {
    const path = join(folder, 'whole.gguf')
    await writeGguf(path, tinyModel())
    expect(loadGguf(path).fingerprint).toBe(loadGguf(save('same.gguf', tinyModel())).fingerprint)
    const broken = { ...tinyModel(), tensors: [{ name: 'w', type: 0, shape: [4], data: () => new Uint8Array(3) }] }
    await expect(writeGguf(join(folder, 'broken.gguf'), broken)).rejects.toThrow(
      'expected 16 bytes for tensor "w", got 3',
    )
    expect(() => loadGguf(join(folder, 'broken.gguf'))).toThrow('found none')
  })

  it('grows the header window over headers of many megabytes', () => {
    const values = Array.from({ length: 300_000 }, (_, i) => `token ${i}`)
    const model = loadGguf(save('large.gguf', tinyModel({ 'x.large': { type: 'array', of: 'string', values } })))
    expect(model.metadata.strings('x.large')).toEqual(values)
    expect(model.metadata.string('general.name')).toBe('tiny')
  })

  it('gives a changed size or header another fingerprint', () => {
    const prints = [tinyModel(), tinyModel({ 'general.name': { type: 'string', value: 'tinY' } })].map(
      (contents) => loadGguf(save('print.gguf', contents)).fingerprint,
    )
    prints.push(loadGguf(save('print.gguf', Buffer.concat([encodeGguf(tinyModel()), Buffer.alloc(1)]))).fingerprint)
    expect(new Set(prints).size).toBe(3)
    expect(prints[0]).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe('metadata', () => {
  const load = (values: Record<string, MetadataValue>) =>
    loadGguf(save('metadata.gguf', { metadata: values, tensors: [] })).metadata

  it('answers a wrong type with a sentence that names key and type, and an absent key with undefined', () => {
    const metadata = load({
      s: { type: 'string', value: 'x' },
      a: { type: 'array', of: 'i8', values: [1] },
      b: { type: 'bool', value: true },
    })
    expect(() => metadata.number('s')).toThrow('expected a number in metadata "s", got string')
    expect(() => metadata.number('b')).toThrow('expected a number in metadata "b", got bool')
    expect(() => metadata.string('a')).toThrow('expected a string in metadata "a", got array<i8>[1]')
    expect(() => metadata.strings('a')).toThrow('expected an array of strings in metadata "a", got array<i8>[1]')
    expect(() => metadata.arrayLength('s')).toThrow('expected an array in metadata "s", got string')
    expect([
      metadata.number('n'),
      metadata.string('n'),
      metadata.boolean('n'),
      metadata.numbers('n'),
      metadata.strings('n'),
    ]).toEqual(Array(5).fill(undefined))
    expect([metadata.typeName('n'), metadata.has('n'), metadata.has('s')]).toEqual(['absent', false, true])
  })

  it('reads one number as a list of one', () => {
    const metadata = load({ one: { type: 'u32', value: 7 }, two: { type: 'array', of: 'u16', values: [7, 8] } })
    expect([metadata.numbers('one'), metadata.numbers('two')]).toEqual([[7], [7, 8]])
  })

  it('refuses a number that JavaScript would round', () => {
    const metadata = load({ big: { type: 'u64', value: (1n << 53n) + 1n } })
    expect(() => metadata.number('big')).toThrow('expected "big" within 2^53, got 9007199254740993')
  })
})

describe('split models', () => {
  const u16 = (value: number): MetadataValue => ({ type: 'u16', value })
  const part = (no: number, count: number, tensors: readonly TensorToWrite[]): GgufToWrite => ({
    metadata: { 'split.no': u16(no), 'split.count': u16(count), 'split.tensors.count': { type: 'i32', value: 11 } },
    tensors,
  })
  const { metadata, tensors } = tinyModel()
  const savePart = (no: number, from: number, to: number) => {
    const contents = part(no, 3, tensors.slice(from, to))
    return save(
      `m-0000${no + 1}-of-00003.gguf`,
      no === 0 ? { ...contents, metadata: { ...metadata, ...contents.metadata } } : contents,
    )
  }

  it('opens all parts when any of them is named', () => {
    const paths = [savePart(0, 0, 4), savePart(1, 4, 8), savePart(2, 8, 11)]
    const models = paths.map((path) => loadGguf(path))
    expect(models.map(({ files }) => files.map(({ path }) => path))).toEqual([paths, paths, paths])
    expect(models[1]!.tensors.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name))
    expect(models[1]!.tensors.map(({ file }) => file)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    expect(models[2]!.metadata.string('general.architecture')).toBe('llama')
    expect(new Set(models.map(({ fingerprint }) => fingerprint)).size).toBe(1)
  })

  it('names the part that is missing', () => {
    const path = save('lonely-00002-of-00003.gguf', part(1, 3, []))
    expect(() => loadGguf(path)).toThrow(/one of 3 parts.*lonely-00001-of-00003\.gguf is missing/)
  })

  it('refuses parts under wrong names and parts that do not belong together', () => {
    expect(() => loadGguf(save('renamed.gguf', part(1, 3, [])))).toThrow('is part 2 of 3 by its contents')
    for (const no of [0, 2]) savePart(no, 0, 4)
    save('m-00002-of-00003.gguf', part(0, 3, []))
    expect(() => loadGguf(join(folder, 'm-00001-of-00003.gguf'))).toThrow(
      'expected split.no 1 and split.count 3, got 0 and 3',
    )
    savePart(1, 4, 8)
    expect(() => loadGguf(join(folder, 'm-00001-of-00003.gguf'))).toThrow('"token_embd.weight" in two')
    savePart(2, 9, 11)
    expect(() => loadGguf(join(folder, 'm-00001-of-00003.gguf'))).toThrow(
      'expected 11 tensors in all parts together, got 10',
    )
  })
})

describe('what is no model file', () => {
  it('is refused with its reason', () => {
    expect(() => loadGguf(join(folder, 'absent.gguf'))).toThrow('found none')
    expect(() => loadGguf(folder)).toThrow('expected a file, got a folder or a device')
    symlinkSync('/dev/null', join(folder, 'device.gguf'))
    expect(() => loadGguf(join(folder, 'device.gguf'))).toThrow('expected a file, got a folder or a device')
    const version = (bytes: readonly number[]) =>
      save('v.gguf', Buffer.from([0x47, 0x47, 0x55, 0x46, ...bytes, ...new Array<number>(16).fill(0)]))
    expect(() => loadGguf(version([1, 0, 0, 0]))).toThrow('expected GGUF version 2 or 3, got 1')
    expect(() => loadGguf(version([0, 0, 0, 3]))).toThrow('expected a little-endian GGUF file')
    expect(() => loadGguf(version([4, 0, 0, 0]))).toThrow('expected GGUF version 2 or 3, got 4')
    expect(loadGguf(version([2, 0, 0, 0])).tensors).toEqual([])
    expect(() => loadGguf(save('lfs.gguf', Buffer.from('version 1\noid\n')))).toThrow('Git LFS pointer')
  })

  it('says how many bytes of a truncated file are there', () => {
    const bytes = encodeGguf(tinyModel())
    expect(() => loadGguf(save('cut.gguf', bytes.subarray(0, bytes.length - 8000)))).toThrow(
      `is truncated: expected ${bytes.length} bytes, got ${bytes.length - 8000}; fetch the file again`,
    )
  })
})

describe('describeModel', () => {
  it('counts weights by type and cuts long values', () => {
    const rows = describeModel(
      loadGguf(save('rows.gguf', tinyModel({ 'x.evil': { type: 'string', value: '\u001b[2J' } }))),
      40,
    )
    expect(rows).toMatchObject({ architecture: 'llama', name: 'tiny', types: [{ name: 'F32', tensors: 11 }] })
    expect(rows.parameters * 4).toBe(rows.tensorBytes)
    expect(rows.metadata.find(({ key: name }) => name === 'x.evil')?.text).toBe('"\\u001b[2J"')
    const tokens = rows.metadata.find(({ key: name }) => name === 'tokenizer.ggml.tokens')
    expect(tokens).toMatchObject({ type: 'array<string>[297]' })
    expect(tokens!.text).toHaveLength(40)
  })

  it('reads the default model', () => {
    const rows = describeModel(loadGguf(inject('modelPath')))
    expect(rows).toMatchObject({ architecture: 'llama', parameters: 134_515_008, tensorBytes: 96_576_768, version: 3 })
    expect(rows.types.map(({ name }) => name)).toEqual(['Q4_1', 'Q8_0', 'F32'])
  })
})
