/** A model's matrices in another type, as a new file: so that each format's kernels can be judged on real weights. */
import { closeSync, openSync, readSync } from 'node:fs'
import { encode, weightTypes, type WeightType } from '../scripts/tiny/encoding.ts'
import { dequantize, quantType, writeGguf, type GgufModel, type GgufTensor } from '../src/gguf/index.ts'
import { assert, defined } from '../src/util/assert.ts'

/** Rows that are converted at a time: a table of embeddings as floats takes a gigabyte. */
const SLAB_ROWS = 1024

/**
 * Writes `model` to `path` with every matrix as `type`, or as `otherwise` where its rows are no multiple of the type's block
 * (the K formats want 256); Q8_0 by default, as files in these formats do. Answers which tensors got the type.
 */
export async function requantise(
  model: GgufModel,
  path: string,
  type: WeightType,
  otherwise: WeightType = 'q8_0',
): Promise<string[]> {
  const handles = model.files.map((file) => openSync(file.path, 'r'))
  try {
    const typed: string[] = []
    const tensors = model.tensors.map((tensor) => {
      const fits = (tensor.shape[0] ?? 0) % defined(quantType(weightTypes[type])).blockSize === 0
      const chosen = fits ? type : otherwise
      const handle = defined(handles[tensor.file])
      if (!isMatrix(tensor)) return { ...tensor, data: () => readBytes(handle, tensor.offset, tensor.bytes) }
      if (fits) typed.push(tensor.name)
      return { ...tensor, type: weightTypes[chosen], data: () => convert(handle, tensor, chosen) }
    })
    const { metadata } = model
    await writeGguf(path, {
      metadata: Object.fromEntries(metadata.keys.map((key) => [key, defined(metadata.value(key), key)])),
      tensors,
    })
    return typed
  } finally {
    for (const handle of handles) closeSync(handle)
  }
}

// ------------------------------------------------------------------------------------------------------------------

function isMatrix({ shape }: GgufTensor): boolean {
  return (shape[1] ?? 1) > 1
}

function convert(handle: number, tensor: GgufTensor, type: WeightType): Uint8Array {
  const [width = 1, rows = 1] = tensor.shape
  const rowBytes = tensor.bytes / rows
  const slabs: Uint8Array[] = []
  for (let row = 0; row < rows; row += SLAB_ROWS) {
    const count = Math.min(SLAB_ROWS, rows - row)
    const bytes = readBytes(handle, tensor.offset + row * rowBytes, count * rowBytes)
    slabs.push(encode(type, width, dequantize(tensor.type, bytes, count * width)))
  }
  return Buffer.concat(slabs)
}

function readBytes(handle: number, offset: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  assert(readSync(handle, bytes, 0, count, offset) === count, `${count} bytes of a model file`)
  return bytes
}
