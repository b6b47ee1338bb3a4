/**
 * Weights of a GGUF file as float32. Types that `src/gguf` can unpack in TypeScript are unpacked there; for the others
 * (codebooks of thousands of entries) the library itself looks the rows up, which still leaves every product,
 * rotation and sum to the reference.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { loadGgml } from '../../src/ffi/index.ts'
import { dequantize, type GgufModel, type GgufTensor } from '../../src/gguf/index.ts'
import { Backend, Graph, TensorStore, TYPE } from '../../src/tensor/index.ts'
import { HeterospecError } from '../../src/util/errors.ts'

/** A matrix as rows of weights: [outputs, inputs]; a vector has one row. */
export interface Matrix {
  readonly inputs: number
  readonly outputs: number
  readonly values: Float32Array
}

/** All tensors of a file by name. */
export async function readWeights(gguf: GgufModel): Promise<Map<string, Matrix>> {
  const weights = new Map<string, Matrix>()
  for (const tensor of gguf.tensors) {
    const [inputs = 1, outputs = 1] = tensor.shape
    weights.set(tensor.name, { inputs, outputs, values: await unpack(tensor, readBytes(gguf, tensor)) })
  }
  return weights
}

function readBytes(gguf: GgufModel, tensor: GgufTensor): Uint8Array {
  const bytes = new Uint8Array(tensor.bytes)
  const file = openSync(gguf.files[tensor.file]!.path, 'r')
  try {
    readSync(file, bytes, 0, bytes.length, tensor.offset)
  } finally {
    closeSync(file)
  }
  return bytes
}

async function unpack(tensor: GgufTensor, bytes: Uint8Array): Promise<Float32Array> {
  const [inputs = 1, outputs = 1] = tensor.shape
  try {
    return dequantize(tensor.type, bytes, inputs * outputs)
  } catch (error) {
    if (error instanceof HeterospecError && error.code === 'unsupported-model') return lookUp(tensor, bytes)
    throw error
  }
}

async function lookUp(tensor: GgufTensor, bytes: Uint8Array): Promise<Float32Array> {
  const [inputs = 1, outputs = 1] = tensor.shape
  await using backend = new Backend(loadGgml(), { threads: 1 })
  using store = new TensorStore(backend, [tensor])
  store.write(store.get(tensor.name), bytes)
  using graph = new Graph(backend, 8)
  const ids = graph.input({ name: 'ids', type: TYPE.I32, shape: [outputs] })
  const rows = graph.ops.getRows(store.get(tensor.name), ids)
  graph.output(rows)
  graph.allocate()
  graph.write(
    ids,
    Int32Array.from({ length: outputs }, (_, row) => row),
  )
  await graph.compute()
  const values = new Float32Array(inputs * outputs)
  graph.read(rows, values)
  return values
}
