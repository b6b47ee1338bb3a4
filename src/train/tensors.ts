/** Tensors of a file as numbers: what a trainer is taught with, and heads that are trained further. */
import { closeSync, openSync, readSync } from 'node:fs'
import { quantName, type GgufModel } from '../gguf/index.ts'
import { dequantizeRows, isReadable } from '../tensor/index.ts'
import { defined } from '../util/assert.ts'
import { ModelFileError } from '../util/errors.ts'

/** All values of a tensor, or the rows that `rows` names ([rows, shape[0]]). Throws `bad-file` or `unsupported-model`. */
export function readTensor(file: GgufModel, name: string, rows?: Int32Array): Float32Array {
  const tensor = file.tensors.find((one) => one.name === name)
  if (!tensor)
    throw new ModelFileError('bad-file', `expected a tensor ${name} in ${pathOf(file)}, got none; choose another file`)
  const bytes = readBytes(file, name)
  const [perRow = 1] = tensor.shape
  const count = tensor.shape.reduce((product, extent) => product * extent, 1)
  if (!rows) return dequantizeRows(tensor.type, bytes, count)
  const rowBytes = (tensor.bytes * perRow) / count
  const picked = new Uint8Array(rows.length * rowBytes)
  rows.forEach((row, index) => picked.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), index * rowBytes))
  return dequantizeRows(tensor.type, picked, rows.length * perRow)
}

/** Throws `unsupported-model` for a tensor whose type cannot be read here, before anything is read. */
export function requireReadable(file: GgufModel, names: readonly string[]): void {
  for (const { name, type } of file.tensors) {
    if (!names.includes(name)) continue
    if (isReadable(type)) continue
    throw new ModelFileError(
      'unsupported-model',
      `expected weights in ${name}, got ${quantName(type)} in ${pathOf(file)}; take the model in another quantisation, Q8_0 or Q4_K_M for example`,
    )
  }
}

/** A tensor as it lies in its file. */
export function readBytes(file: GgufModel, name: string): Uint8Array<ArrayBuffer> {
  const tensor = defined(
    file.tensors.find((one) => one.name === name),
    name,
  )
  const bytes = new Uint8Array(tensor.bytes)
  const handle = openSync(defined(file.files[tensor.file]).path, 'r')
  try {
    let done = 0
    while (done < bytes.length) {
      const read = readSync(handle, bytes, done, bytes.length - done, tensor.offset + done)
      if (read === 0) {
        const message = `expected ${bytes.length} bytes of ${name} in ${pathOf(file)}, got ${done}; download it again`
        throw new ModelFileError('bad-file', message)
      }
      done += read
    }
  } finally {
    closeSync(handle)
  }
  return bytes
}

function pathOf(file: GgufModel): string {
  return file.files[0]?.path ?? 'the model'
}
