/** What lies in the folder of a published head: its configuration, its tensors, perhaps its tokenizer. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HeterospecError, UsageError } from '../../util/errors.ts'
import { bad, readSafetensors, type StoredTensor } from './safetensors.ts'

/** A head that was found, nothing of it understood yet. */
export interface FoundHead {
  /** The folder or file that was named. */
  readonly path: string
  /** `config.json` as it was parsed. */
  readonly config: unknown
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Text entries of the safetensors headers. */
  readonly metadata: Readonly<Record<string, string>>
  /** `tokenizer.json` as it was parsed; undefined when the head brings none. */
  readonly tokenizer: unknown
}

/** Reads a folder, or a `.safetensors` file beside its `config.json`. Throws `unknown-model`, `unsupported-model` or `bad-file`. */
export async function findHead(path: string): Promise<FoundHead> {
  try {
    return await readHead(path)
  } catch (error) {
    if (error instanceof HeterospecError || !(error instanceof Error)) throw error
    throw bad(path, 'files that can be read', `"${error.message}"`)
  }
}

/** Files of a repository that an import reads. Throws `unsupported-model` when its weights are in another format. */
export function chooseHeadFiles(names: readonly string[], label: string): string[] {
  const chosen = names.filter((name) => /^(config|tokenizer|[^/]+\.index)\.json$|^[^/]+\.safetensors$/.test(name))
  if (chosen.some((name) => name.endsWith('.safetensors'))) return chosen
  throw noWeights(label, names)
}

// ---------------------------------------------------------------------------------------------------------------

async function readHead(path: string): Promise<FoundHead> {
  const kind = await stat(path).catch(() => undefined)
  if (!kind) throw missing(`a folder or a .safetensors file at ${path}`, 'nothing there', 'check the path')
  const folder = kind.isDirectory() ? path : dirname(path)
  const names = await readdir(folder)
  const files = kind.isDirectory() ? await weightFiles(folder, names) : [weightFile(path)]
  if (!names.includes('config.json')) {
    throw missing(`config.json in ${folder}`, 'none', 'put the one of the head beside its weights')
  }
  const headers = await Promise.all(files.map((file) => readSafetensors(file)))
  const tensors = new Map<string, StoredTensor>()
  for (const tensor of headers.flatMap((header) => header.tensors)) {
    if (tensors.has(tensor.name)) throw bad(tensor.path, 'every tensor once', `${JSON.stringify(tensor.name)} twice`)
    tensors.set(tensor.name, tensor)
  }
  return {
    ...{ path, tensors, config: await readJson(join(folder, 'config.json')) },
    metadata: Object.assign({}, ...headers.map(({ metadata }) => metadata)) as Record<string, string>,
    tokenizer: names.includes('tokenizer.json') ? await readJson(join(folder, 'tokenizer.json')) : undefined,
  }
}

/** Real ones have some hundred bytes; tokenizers up to 35 MB. */
const JSON_BYTES = 64 << 20

const MOST_FILES = 64

function weightFile(path: string): string {
  if (path.endsWith('.safetensors')) return path
  throw noWeights(path, [basename(path)])
}

async function weightFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const index = names.find((name) => name.endsWith('.safetensors.index.json'))
  if (index !== undefined) return indexedFiles(folder, names, join(folder, index))
  const found = names.filter((name) => name.endsWith('.safetensors'))
  if (found.length === 0) throw noWeights(folder, names)
  if (found.length === 1) return found.map((name) => join(folder, name))
  throw missing(`one .safetensors file or an index in ${folder}`, `${found.length} files`, 'name one of them')
}

async function indexedFiles(folder: string, names: readonly string[], path: string): Promise<string[]> {
  const index = await readJson(path)
  const map = typeof index === 'object' && index !== null && 'weight_map' in index ? index.weight_map : undefined
  const listed = typeof map === 'object' && map !== null ? [...new Set(Object.values(map) as unknown[])] : []
  if (listed.length === 0 || listed.length > MOST_FILES) {
    throw bad(path, `a weight_map of 1 to ${MOST_FILES} files`, String(listed.length))
  }
  return listed.map((name) => {
    // Only files of the folder itself: a name from a file must not lead elsewhere.
    if (typeof name === 'string' && names.includes(name)) return join(folder, name)
    throw bad(path, 'names of files beside it', JSON.stringify(name).slice(0, 100))
  })
}

async function readJson(path: string): Promise<unknown> {
  const { size } = await stat(path)
  if (size > JSON_BYTES) throw bad(path, `at most ${JSON_BYTES} bytes`, String(size))
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown
  } catch {
    throw bad(path, 'JSON', 'something else')
  }
}

function noWeights(place: string, names: readonly string[]): UsageError {
  if (names.some((name) => /\.(bin|pt|pth)$/.test(name))) {
    const how =
      'convert it where PyTorch is: safetensors.torch.save_file(torch.load("pytorch_model.bin", weights_only=True), "model.safetensors")'
    return new UsageError(
      'unsupported-model',
      `expected weights in safetensors in ${place}, got a PyTorch pickle, which can run code; ${how}`,
    )
  }
  if (names.some((name) => /^head\.part\d+$/.test(name))) {
    return missing(`head.safetensors in ${place}`, 'its parts', 'join them: cat head.part* > head.safetensors')
  }
  return missing(`a .safetensors file in ${place}`, 'none', 'name the folder of a published EAGLE-3 head')
}

function missing(expected: string, got: string, advice: string): UsageError {
  return new UsageError('unknown-model', `expected ${expected}, got ${got}; ${advice}`)
}
