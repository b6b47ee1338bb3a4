/** `heterospec inspect`: a GGUF's metadata and tensors. Reads headers only and fetches nothing. */
import type { Command } from '@commander-js/extra-typings'
import { describeModel, loadGguf, type ModelDescription } from '../../gguf/index.ts'
import { resolveModel } from '../../store/index.ts'
import { formatBytes, formatCount, formatTable } from '../format.ts'
import { describeReadyHead, readyHead, type ReadyHead } from '../ready-head.ts'

/** Adds argument, options and action. */
export function define(command: Command): void {
  command
    .argument('<model>', 'a GGUF file, or the name of a model in the cache')
    .option('--tensors', 'list every tensor')
    .option('--json', 'print one JSON document')
    .action(async (model, options) => {
      const { path } = await resolveModel(model, { pull: false })
      const file = loadGguf(path)
      const { tensors, ...rest } = describeModel(file)
      const head = readyHead(file)
      const listed = options.tensors ? { tensors } : {}
      const bitsPerWeight = rest.parameters > 0 ? (8 * rest.tensorBytes) / rest.parameters : 0
      if (options.json)
        console.log(JSON.stringify({ ...rest, draftHead: head, bitsPerWeight, tensorCount: tensors.length, ...listed }))
      else console.log(describe({ ...rest, tensors }, bitsPerWeight, options.tensors === true, head))
    })
}

// ------------------------------------------------------------------------------------------------------------------

function describe(
  model: ModelDescription,
  bitsPerWeight: number,
  withTensors: boolean,
  head: ReadyHead | null,
): string {
  const types = model.types.map(({ name, tensors, bytes }) => `${tensors} ${name} (${formatBytes(bytes)})`)
  const summary = [
    ...model.files.map(({ path, bytes }, index) => [index === 0 ? 'file' : '', `${path} (${formatBytes(bytes)})`]),
    ['name', model.name ?? '-'],
    ['architecture', model.architecture ?? '-'],
    ['parameters', `${formatCount(model.parameters)} (${bitsPerWeight.toFixed(2)} bits per weight)`],
    ['tensors', `${model.tensors.length}: ${types.join(', ')}`],
    ['version', `GGUF ${model.version}, alignment ${model.alignment}`],
    ['fingerprint', model.fingerprint],
    ...(head ? [['draft head', describeReadyHead(head)]] : []),
  ]
  const metadata = model.metadata.map(({ key, type, text }) => [key, type, text])
  const tensors = model.tensors.map(({ name, type, shape, bytes }) => {
    return [name, type, shape.join(' x '), formatBytes(bytes)]
  })
  const parts = [
    formatTable(summary.map((row) => row.map(printable))),
    formatTable(metadata.map((row) => row.map(printable))),
  ]
  if (withTensors)
    parts.push(formatTable([['TENSOR', 'TYPE', 'SHAPE', 'SIZE'], ...tensors.map((row) => row.map(printable))], [3]))
  return parts.join('\n\n')
}

/** A hostile file must not speak to the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�')
}
