/** A fingerprint of a file's contents that takes a millisecond, whatever its size. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Pieces that are read, spread evenly over the file, and the bytes of each. */
const PIECES = 64
const PIECE_BYTES = 4096

/**
 * Hash of the size and of 64 pieces of the file: two trainings of one head have the same layout and other weights
 * everywhere. Not proof against somebody who wants to deceive. Throws what opening a file throws.
 */
export function filePrint(path: string): string {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const hash = createHash('sha256').update(`${size}`)
    const piece = new Uint8Array(PIECE_BYTES)
    const last = Math.max(0, size - PIECE_BYTES)
    for (let index = 0; index < PIECES; index++) {
      const at = Math.floor((index * last) / (PIECES - 1))
      hash.update(piece.subarray(0, readSync(file, piece, 0, PIECE_BYTES, at)))
    }
    return hash.digest('hex').slice(0, 32)
  } finally {
    closeSync(file)
  }
}
