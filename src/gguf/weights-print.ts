/** A fingerprint of a model's weights by samples: models that were tuned further share header and sizes, not these. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { badFile } from './source.ts'
import type { GgufModel } from './types.ts'

/** Bytes of each tensor that are looked at, from its middle. */
const SAMPLE_BYTES = 4096

/**
 * 32 hexadecimal digits over a piece of every tensor: some milliseconds for hundreds of tensors. A change of single weights
 * is likely missed, one of whole matrices is not. Throws `bad-file` for a file that ends early.
 */
export function sampleWeights(model: Pick<GgufModel, 'files' | 'tensors'>): string {
  const hash = createHash('sha256')
  const handles = model.files.map(({ path }) => openSync(path, 'r'))
  try {
    const buffer = new Uint8Array(SAMPLE_BYTES)
    for (const { name, file, offset, bytes } of model.tensors) {
      const wanted = Math.min(SAMPLE_BYTES, bytes)
      const at = offset + Math.floor((bytes - wanted) / 2)
      if (readSync(handles[file] ?? -1, buffer, 0, wanted, at) < wanted) {
        throw badFile(model.files[file]?.path ?? 'the model', `ends within ${name}; expected all of its bytes`)
      }
      hash.update(`${name}\n`).update(buffer.subarray(0, wanted))
    }
  } finally {
    handles.forEach((handle) => closeSync(handle))
  }
  return hash.digest('hex').slice(0, 32)
}
