/** Loads the plain data of a model: one file, or all files of a split model, whichever of them was named. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { limits } from './limits.ts'
import { readPart, type GgufPart } from './reader.ts'
import { parseShardName, shardPaths } from './shards.ts'
import { badFile } from './source.ts'
import type { GgufModel } from './types.ts'

/** Reads and checks the headers of a model. Throws `unknown-model` for no file, `bad-file` for wrong bytes or missing parts. */
export function loadGguf(path: string): GgufModel {
  const named = readPart(path)
  const parts = completeParts(named)
  const first = parts[0] ?? named
  const tensors = parts.flatMap((part, file) => part.tensors.map((tensor) => ({ ...tensor, file })))
  return {
    files: parts.map((part) => ({ path: part.path, bytes: part.bytes })),
    version: first.version,
    alignment: first.alignment,
    metadata: first.metadata,
    tensors,
    tensorBytes: tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
    fingerprint: fingerprint(parts),
  }
}

// ---------------------------------------------------------------------------------------------------------------

function completeParts(named: GgufPart): GgufPart[] {
  const count = named.metadata.number('split.count') ?? 0
  if (count <= 1) return [named]
  const name = parseShardName(named.path)
  const index = named.metadata.number('split.no')
  if (name?.count !== count || name.index !== index || count > limits.files) {
    const place = `part ${index === undefined ? '?' : index + 1} of ${count}`
    throw badFile(
      named.path,
      `is ${place} by its contents; expected a name that ends so, as in model-00001-of-00003.gguf`,
    )
  }
  const paths = shardPaths(name.prefix, count)
  const missing = paths.find((path) => !existsSync(path))
  if (missing !== undefined)
    throw badFile(named.path, `is one of ${count} parts; expected all of them beside it, ${missing} is missing`)
  const parts = paths.map((path) => (path === named.path ? named : readPart(path)))
  checkParts(parts, count)
  return parts
}

function checkParts(parts: readonly GgufPart[], count: number): void {
  const names = new Set<string>()
  for (const [index, { path, metadata, tensors }] of parts.entries()) {
    const place = [metadata.number('split.no'), metadata.number('split.count')]
    if (place[0] !== index || place[1] !== count) {
      throw badFile(
        path,
        `expected split.no ${index} and split.count ${count}, got ${place.map((value) => value ?? 'none').join(' and ')}`,
      )
    }
    for (const { name } of tensors) {
      if (names.has(name)) throw badFile(path, `expected every tensor in one part, got ${JSON.stringify(name)} in two`)
      names.add(name)
    }
  }
  const [first] = parts
  const expected = first?.metadata.number('split.tensors.count')
  if (first && expected !== undefined && expected !== names.size) {
    throw badFile(
      first.path,
      `expected ${expected} tensors in all parts together, got ${names.size}; the parts may be of different models`,
    )
  }
}

/** Not over the weights: a gigabyte takes seconds. Changed weights in an unchanged layout keep their fingerprint. */
function fingerprint(parts: readonly GgufPart[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.header.length} ${part.bytes}\n`).update(part.header)
  return hash.digest('hex').slice(0, 32)
}
