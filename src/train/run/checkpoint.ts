/**
 * Where a run stands, in one file: weights, moments, best weights, position and curve. Written beside its place, flushed
 * and renamed, so that a kill at any moment leaves the old file or the new one.
 */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { UsageError } from '../../util/errors.ts'
import type { RunPosition } from './run-types.ts'

/** What the same command must say again to go on: compared field by field. */
export type RunIdentity = Readonly<Record<string, string | number | boolean | null>>

export interface Checkpoint {
  readonly position: RunPosition
  /** `HeadTrainer.state()`. */
  readonly state: ReadonlyMap<string, Float32Array>
  /** `HeadTrainer.weights()` at the best evaluation so far. */
  readonly best: ReadonlyMap<string, Float32Array>
}

/** Where a run keeps its checkpoint. */
export interface CheckpointFile {
  /** The last checkpoint; undefined when there is none. Throws `bad-option` for one of another run, `bad-file` for a broken one. */
  read(): Checkpoint | undefined
  write(checkpoint: Checkpoint): void
  remove(): void
}

/** The checkpoint of the run that is described by `identity`, at `path`. */
export function openCheckpoint(path: string, identity: RunIdentity): CheckpointFile {
  return {
    read: () => (existsSync(path) ? readCheckpoint(path, identity) : undefined),
    write: (checkpoint) => {
      try {
        writeCheckpoint(path, identity, checkpoint)
      } catch (error) {
        rmSync(`${path}.tmp`, { force: true })
        const why = error instanceof Error ? error.message : String(error)
        throw new UsageError(
          'output-failed',
          `expected to write the checkpoint ${path}, got "${why}"; free some space, or name another folder for --out`,
          { cause: error },
        )
      }
    },
    remove: () => {
      for (const file of [path, `${path}.tmp`]) rmSync(file, { force: true })
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

const MAGIC = 'HSTRAIN1'
/** Magic, then the length of the header. */
const START_BYTES = 12

interface Header {
  readonly identity: RunIdentity
  readonly position: RunPosition
  /** Names with numbers of values, in the order of the file; of state, then of the best weights. */
  readonly state: readonly (readonly [string, number])[]
  readonly best: readonly (readonly [string, number])[]
}

function writeCheckpoint(path: string, identity: RunIdentity, { position, state, best }: Checkpoint): void {
  const header: Header = { identity, position, state: sizesOf(state), best: sizesOf(best) }
  const text = Buffer.from(JSON.stringify(header))
  const start = Buffer.alloc(START_BYTES)
  start.write(MAGIC)
  start.writeUInt32LE(text.length, 8)
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    for (const part of [start, text, ...state.values(), ...best.values()]) writeAll(file, part)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

function sizesOf(tensors: ReadonlyMap<string, Float32Array>): [string, number][] {
  return [...tensors].map(([name, { length }]) => [name, length])
}

function writeAll(file: number, part: Buffer | Float32Array): void {
  const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
}

function readCheckpoint(path: string, identity: RunIdentity): Checkpoint {
  const file = openSync(path, 'r')
  try {
    const start = readBytes(file, START_BYTES)
    if (start?.toString('latin1', 0, 8) !== MAGIC) throw broken(path, 'another file')
    const header = parseHeader(readBytes(file, start.readUInt32LE(8)), path)
    requireSame(path, header.identity, identity)
    const values = [...header.state, ...header.best].reduce((sum, [, length]) => sum + length, 0)
    const size = START_BYTES + start.readUInt32LE(8) + 4 * values
    if (fstatSync(file).size !== size) throw broken(path, `${fstatSync(file).size} of ${size} bytes`)
    const tensors = (sizes: Header['state']): Map<string, Float32Array> =>
      new Map(
        sizes.map(([name, length]) => {
          const bytes = readBytes(file, 4 * length)
          if (!bytes) throw broken(path, 'a file that ends early')
          return [name, new Float32Array(bytes.buffer, 0, length)]
        }),
      )
    return { position: header.position, state: tensors(header.state), best: tensors(header.best) }
  } finally {
    closeSync(file)
  }
}

/** The next bytes of a file, in memory of their own. */
function readBytes(file: number, length: number): Buffer | undefined {
  const bytes = Buffer.from(new ArrayBuffer(length))
  let done = 0
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, null)
    if (read === 0) return undefined
    done += read
  }
  return bytes
}

function parseHeader(text: Buffer | undefined, path: string): Header {
  try {
    return JSON.parse(text?.toString() ?? '') as Header
  } catch {
    throw broken(path, 'a damaged one')
  }
}

function requireSame(path: string, found: RunIdentity, wanted: RunIdentity): void {
  const other = Object.keys({ ...found, ...wanted }).find((key) => found[key] !== wanted[key])
  if (other === undefined) return
  throw new UsageError(
    'bad-option',
    `expected the ${other} of the run that ${path} belongs to (${found[other] ?? 'none'}), got ${wanted[other] ?? 'none'}; type the same command to go on, or add --restart to begin anew`,
  )
}

function broken(path: string, got: string): UsageError {
  return new UsageError('bad-file', `expected a whole checkpoint in ${path}, got ${got}; add --restart to begin anew`)
}
