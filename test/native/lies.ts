/**
 * Files that are well-formed GGUF and still wrong: each takes a good tiny model and changes one value, one type or one
 * tensor to something that no honest file holds. The header's checks let them pass; what reads the values must not.
 */
import { encodeGguf, quantNumbers, quantType } from '../../src/gguf/index.ts'
import type { GgufToWrite, MetadataValue, TensorToWrite } from '../../src/gguf/index.ts'
import { tinyModel } from '../fixtures/tiny.ts'

export interface Lie {
  readonly name: string
  readonly bytes: Uint8Array
}

/** All lies about one tiny model. */
export function* lies(): Generator<Lie> {
  const honest = tinyModel()
  for (const [key, value] of Object.entries(honest.metadata)) {
    yield tell(`${key} is missing`, without(honest, key))
    for (const other of alternatives(value)) {
      yield tell(`${key} = ${short(other)}`, { ...honest, metadata: { ...honest.metadata, [key]: other } })
    }
  }
  for (const [key, value] of unexpected) {
    yield tell(`${key} = ${short(value)}`, { ...honest, metadata: { ...honest.metadata, [key]: value } })
  }
  for (const [index, tensor] of honest.tensors.entries()) {
    for (const [name, other] of tensorLies(tensor)) {
      const tensors = honest.tensors.flatMap((kept, at) => (at === index ? other : [kept]))
      yield tell(`${tensor.name} ${name}`, { ...honest, tensors })
    }
  }
  yield tell('no tensors', { ...honest, tensors: [] })
}

// ---------------------------------------------------------------------------------------------------------------

function tell(name: string, contents: GgufToWrite): Lie {
  return { name, bytes: encodeGguf(contents) }
}

function without(contents: GgufToWrite, key: string): GgufToWrite {
  return {
    ...contents,
    metadata: Object.fromEntries(Object.entries(contents.metadata).filter(([name]) => name !== key)),
  }
}

function short(value: MetadataValue): string {
  const text = JSON.stringify('values' in value ? value.values : value.value)
  return `${value.type} ${text.slice(0, 40)}${text.length > 40 ? `... (${text.length})` : ''}`
}

const integers = [0, 1, 2, 3, 5, 31, 255, 257, 65536, 0x7fffffff, 0xffffffff]
const reals = [0, -0, -1, 1e-45, 3e38, Infinity, -Infinity, NaN]
const words = [
  '',
  'x',
  'none',
  'llama',
  'bert',
  't5',
  'rwkv',
  'gpt2',
  'qwen2',
  'default',
  '\u0000',
  '{% for %}',
  '{{ x',
  'ü'.repeat(5000),
]

/** Values of the same type, then of others. */
function alternatives(value: MetadataValue): MetadataValue[] {
  const foreign: MetadataValue[] = [
    { type: 'string', value: '7' },
    { type: 'bool', value: true },
    { type: 'i32', value: -1 },
    { type: 'array', of: 'i32', values: [] },
    { type: 'array', of: 'u32', values: [1, 2, 3] },
  ]
  if (value.type === 'string')
    return [...words.map((word): MetadataValue => ({ type: 'string', value: word })), ...foreign]
  if (value.type === 'f32') return [...reals.map((real): MetadataValue => ({ type: 'f32', value: real })), ...foreign]
  if (value.type !== 'array')
    return [...integers.map((number): MetadataValue => ({ type: 'u32', value: number })), ...foreign]
  return [...arrayAlternatives(value), ...foreign]
}

function arrayAlternatives(value: MetadataValue & { readonly type: 'array' }): MetadataValue[] {
  if (value.of === 'string') {
    const { values } = value
    const strings = (changed: readonly string[]): MetadataValue => ({ type: 'array', of: 'string', values: changed })
    return [
      strings([]),
      strings(values.slice(1)),
      strings(values.slice(0, 7)),
      strings(values.map(() => '')),
      strings(values.map(() => 'same')),
      strings([...values].reverse()),
      strings([...values, ...values]),
      strings(values.map((text) => text.repeat(300))),
      strings(values.map((text) => `${text} ${text} ${text}`)),
      strings(values.map(() => ' ')),
      strings(values.map(() => '\u0000')),
    ]
  }
  if (value.of === 'bool') return []
  const numbers = (changed: readonly (number | bigint)[]): MetadataValue => ({
    type: 'array',
    of: 'i32',
    values: changed,
  })
  return [
    numbers([]),
    numbers(value.values.slice(1)),
    numbers(value.values.map(() => -1)),
    numbers(value.values.map(() => 0)),
    numbers(value.values.map(() => 6)),
    numbers(value.values.map(() => 0x7fffffff)),
    { type: 'array', of: 'f32', values: value.values.map(() => NaN) },
  ]
}

const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
const f32 = (value: number): MetadataValue => ({ type: 'f32', value })
const text = (value: string): MetadataValue => ({ type: 'string', value })

/** Keys that the good file does without. */
const unexpected: readonly [string, MetadataValue][] = [
  ...[0, 1, 3, 17, 1024, 0xffffffff].flatMap((value): [string, MetadataValue][] => [
    ['llama.attention.key_length', u32(value)],
    ['llama.attention.value_length', u32(value)],
    ['llama.rope.dimension_count', u32(value)],
    ['llama.expert_count', u32(value)],
    ['llama.vocab_size', u32(value)],
    ['llama.rope.scaling.original_context_length', u32(value)],
    ['tokenizer.ggml.unknown_token_id', u32(value)],
    ['tokenizer.ggml.padding_token_id', u32(value)],
    ['tokenizer.ggml.eot_token_id', u32(value)],
    ['split.count', { type: 'u16', value: value & 0xffff }],
    ['split.no', { type: 'u16', value: value & 0xffff }],
  ]),
  ...reals.flatMap((value): [string, MetadataValue][] => [
    ['llama.rope.scaling.factor', f32(value)],
    ['llama.rope.scale_linear', f32(value)],
    ['llama.rope.scaling.attn_factor', f32(value)],
    ['llama.rope.scaling.yarn_beta_fast', f32(value)],
    ['llama.attention.scale', f32(value)],
  ]),
  ...words.map((word): [string, MetadataValue] => ['llama.rope.scaling.type', text(word)]),
  ...words.map((word): [string, MetadataValue] => ['tokenizer.chat_template', text(word)]),
  ['tokenizer.ggml.scores', { type: 'array', of: 'f32', values: [NaN] }],
  ['tokenizer.ggml.precompiled_charsmap', { type: 'array', of: 'i8', values: [1, 2, 3] }],
]

/** One tensor replaced by others. */
function* tensorLies(tensor: TensorToWrite): Generator<[string, TensorToWrite[]]> {
  const zeros = (type: number, shape: readonly number[]): TensorToWrite => {
    const quant = quantType(type)!
    const elements = shape.reduce((product, extent) => product * extent, 1)
    return { name: tensor.name, type, shape, data: new Uint8Array((elements / quant.blockSize) * quant.blockBytes) }
  }
  const data = typeof tensor.data === 'function' ? tensor.data() : tensor.data
  const [inputs = 1, outputs = 1] = tensor.shape
  yield ['is missing', []]
  yield ['has another name', [{ ...tensor, name: 'blk.0.other.weight' }]]
  yield ['has an extra neighbour', [tensor, { ...tensor, name: 'blk.7.attn_q.weight' }]]
  yield ['is transposed', [zeros(0, [outputs, inputs])]]
  yield ['is flat', [zeros(0, [inputs * outputs])]]
  yield ['has four axes', [zeros(0, [inputs, outputs, 2, 2])]]
  yield ['has one row more', [zeros(0, [inputs, outputs + 1])]]
  yield ['has one row', [zeros(0, [inputs, 1])]]
  yield ['has one column less', [zeros(0, [Math.max(1, inputs - 1), outputs])]]
  yield ['is full of ones', [{ ...tensor, data: new Uint8Array(data.length).fill(255) }]]
  for (const type of quantNumbers()) {
    if (inputs % quantType(type)!.blockSize === 0) yield [`has type ${type}`, [zeros(type, tensor.shape)]]
  }
}
