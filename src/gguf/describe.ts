/** A model file as rows for people: what `inspect` prints. Data only; layout is the command line's business. */
import { quantName } from './quants.ts'
import type { GgufModel, Metadata } from './types.ts'

export interface ModelDescription {
  readonly architecture: string | undefined
  readonly name: string | undefined
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly version: number
  readonly alignment: number
  readonly fingerprint: string
  /** Number of weights. */
  readonly parameters: number
  readonly tensorBytes: number
  /** Weights per type, largest share first. */
  readonly types: readonly { readonly name: string; readonly tensors: number; readonly bytes: number }[]
  readonly metadata: readonly { readonly key: string; readonly type: string; readonly text: string }[]
  readonly tensors: readonly {
    readonly name: string
    readonly type: string
    readonly shape: readonly number[]
    readonly bytes: number
  }[]
}

/** Rows about a model. Values longer than `width` characters are cut. */
export function describeModel(model: GgufModel, width = 100): ModelDescription {
  const { metadata } = model
  const text = (key: string): string | undefined => {
    const value = metadata.value(key)
    return value?.type === 'string' ? value.value : undefined
  }
  return {
    architecture: text('general.architecture'),
    name: text('general.name'),
    files: model.files,
    version: model.version,
    alignment: model.alignment,
    fingerprint: model.fingerprint,
    parameters: model.tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1),
      0,
    ),
    tensorBytes: model.tensorBytes,
    types: countTypes(model),
    metadata: metadata.keys.map((key) => ({ key, type: metadata.typeName(key), text: preview(metadata, key, width) })),
    tensors: model.tensors.map(({ name, type, shape, bytes }) => ({ name, type: quantName(type), shape, bytes })),
  }
}

// ---------------------------------------------------------------------------------------------------------------

function countTypes(model: GgufModel): ModelDescription['types'] {
  const counts = new Map<string, { tensors: number; bytes: number }>()
  for (const { type, bytes } of model.tensors) {
    const name = quantName(type)
    const known = counts.get(name) ?? { tensors: 0, bytes: 0 }
    counts.set(name, { tensors: known.tensors + 1, bytes: known.bytes + bytes })
  }
  return [...counts].map(([name, count]) => ({ name, ...count })).sort((a, b) => b.bytes - a.bytes)
}

function preview(metadata: Metadata, key: string, width: number): string {
  const value = metadata.value(key)
  if (value === undefined) return ''
  if (value.type !== 'array')
    return cut(value.type === 'string' ? JSON.stringify(value.value) : String(value.value), width)
  const shown = value.values
    .slice(0, 12)
    .map((element) => (typeof element === 'string' ? JSON.stringify(element) : String(element)))
  return cut(`[${shown.join(', ')}${value.values.length > shown.length ? ', …' : ''}]`, width)
}

/** JSON escapes control characters, so that a hostile file cannot speak to the terminal. */
function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}
