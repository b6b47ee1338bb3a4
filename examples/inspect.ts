// Reads the header of a GGUF file: metadata and tensors, no weights, no native code.
//
//     npx tsx examples/inspect.ts [model]
import { loadGguf, quantName } from 'heterospec/gguf'
import { resolveModel } from 'heterospec/store'

const { path } = await resolveModel(process.argv[2])
const model = loadGguf(path)

console.log(`${model.metadata.string('general.name') ?? path}: ${model.tensors.length} tensors`)
const bytes = new Map<string, number>()
for (const tensor of model.tensors) {
  const type = quantName(tensor.type)
  bytes.set(type, (bytes.get(type) ?? 0) + tensor.bytes)
}
for (const [type, sum] of bytes) console.log(`${type}: ${(sum / 1e6).toFixed(1)} MB`)
