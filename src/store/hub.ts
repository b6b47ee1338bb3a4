/**
 * Models of the Hugging Face hub: which files a name stands for, and fetching them. The address comes from
 * `HF_ENDPOINT`, so a mirror works as well.
 */
import { join, posix } from 'node:path'
import { UsageError } from '../util/errors.ts'
import type { PullContext, WantedFile } from './context.ts'
import { explainDiskError, fileBytes, requireSpace } from './disk.ts'
import { download, networkAdvice, refuse, request } from './download.ts'
import { finishFile } from './finish.ts'
import type { ModelReference } from './names.ts'
import { dropPart, openPart, readPart, savePart } from './part.ts'

type HubReference = Extract<ModelReference, { kind: 'hub' }>

/** A file of a repository. */
export interface HubFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string | undefined
}

/** Asks the hub which files a name stands for: one, or all of a split model in order. Throws `download-failed`. */
export async function findHubFiles(reference: HubReference, context: PullContext): Promise<HubFile[]> {
  context.report({ phase: 'resolve', file: reference.name, done: 0, total: 0 })
  return chooseFiles(await listRepository(reference.repo, context), reference)
}

/** Brings one file of a repository. An interrupted download is continued. Throws `download-failed`. */
export async function fetchFromHub(
  repo: string,
  path: string,
  wanted: WantedFile,
  context: PullContext,
): Promise<void> {
  const { folder, hub, report } = context
  const key = `hub ${wanted.sha256 ?? `${repo}/${path} ${wanted.bytes}`}`
  const part = await readPart(join(folder, wanted.name), key)
  await requireSpace(folder, wanted.bytes - part.bytes)
  await openPart(part)
  await savePart(part.path, { key })
  const file = {
    url: `${hub.endpoint}/${repo}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`,
    label: `hf:${repo}/${path}`,
    part: part.path,
    bytes: wanted.bytes,
  }
  try {
    await download(file, context, (done) => {
      report({ phase: 'download', file: wanted.name, done, total: wanted.bytes })
    })
  } catch (error) {
    const bytes = (await fileBytes(part.path)) ?? 0
    if (bytes === 0) await dropPart(part.path)
    throw explainDiskError(error, folder, wanted.bytes - bytes)
  }
  await finishFile(wanted, context)
}

/** Picks the files that a reference means from all files of its repository. Throws `unknown-model` with what there is. */
export function chooseFiles(files: readonly HubFile[], reference: HubReference): HubFile[] {
  const groups = new Map<string, HubFile[]>()
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || /(^|[-._/])(mmproj|imatrix)/i.test(file.path)) continue
    const name = groupName(file.path)
    groups.set(name, [...(groups.get(name) ?? []), file])
  }
  const names = [...groups.keys()].sort((a, b) => a.length - b.length || a.localeCompare(b))
  const chosen = chooseGroup(names, reference)
  const group = chosen === undefined ? undefined : groups.get(chosen)
  if (!group) {
    const there = names.length === 0 ? 'no GGUF file' : names.map((name) => posix.basename(name)).join(', ')
    throw new UsageError(
      'unknown-model',
      `expected ${reference.name} in the repository, got ${there}; name one of its files`,
    )
  }
  const count = Number(splitPattern.exec(group[0]?.path ?? '')?.[1] ?? 1)
  if (group.length !== count) {
    throw new UsageError(
      'download-failed',
      `expected ${count} files of ${reference.name}, got ${group.length}; choose another`,
    )
  }
  return group.sort((a, b) => a.path.localeCompare(b.path))
}

/** All files of a repository. Throws `download-failed`. */
export async function listRepository(repo: string, context: PullContext): Promise<HubFile[]> {
  const files: HubFile[] = []
  let url: string | undefined = `${context.hub.endpoint}/api/models/${repo}/tree/main?recursive=1`
  while (url !== undefined) {
    const { response, watchdog } = await ask(url, `hf:${repo}`, context)
    try {
      files.push(...parseTree(await response.json(), repo))
    } catch (error) {
      if (error instanceof UsageError) throw error
      throw unusable(repo, error instanceof SyntaxError ? 'an answer that is not JSON' : 'an interrupted answer', error)
    } finally {
      watchdog.stop()
    }
    // The hub lists a thousand files at a time and links to the rest.
    url = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  return files
}

// ------------------------------------------------------------------------------------------------------------------

/** `-00001-of-00003.gguf`, the number of files in brackets. */
const splitPattern = /-\d{5}-of-(\d{5})\.gguf$/i

const safeName = /^\w[\w .+()@=~-]*$/

/** Tried in order where no quantisation is named: the usual choice first, then what every repository has. */
const usualQuants = ['Q4_K_M', 'Q4_0', 'Q8_0']

/** A file's path without its ending; the same for all files of a split model. */
function groupName(path: string): string {
  return path.replace(splitPattern, '').replace(/\.gguf$/i, '')
}

function chooseGroup(names: readonly string[], { file, quant }: HubReference): string | undefined {
  if (file !== undefined) return names.find((name) => name === groupName(file))
  if (quant !== undefined) return names.find((name) => hasQuant(name, quant))
  const usual = usualQuants.map((wanted) => names.find((name) => hasQuant(name, wanted)))
  return usual.find((name) => name !== undefined) ?? (names.length === 1 ? names[0] : undefined)
}

/** Whether a name ends in a quantisation (`model-Q4_K_M`, `model.q4_k_m`) or lies in a folder of that name. */
function hasQuant(name: string, quant: string): boolean {
  const parts = name.toUpperCase().split('/')
  const stem = parts.pop() ?? ''
  return parts.includes(quant) || stem === quant || ['-', '.', '_'].some((mark) => stem.endsWith(mark + quant))
}

async function ask(url: string, label: string, context: PullContext): Promise<Extract<Answer, { response: Response }>> {
  const answer = await request(url, {}, context)
  if ('reason' in answer) {
    const message = `expected to reach ${context.hub.endpoint} for ${label}, got ${answer.reason}; ${networkAdvice}`
    throw new UsageError('download-failed', message)
  }
  const { response, watchdog } = answer
  if (response.ok) return answer
  watchdog.stop()
  await response.body?.cancel()
  refuse(response, label, context.hub.token)
  throw new UsageError(
    'download-failed',
    `expected the files of ${label}, got HTTP ${response.status}; try again later`,
  )
}

type Answer = Awaited<ReturnType<typeof request>>

function parseTree(value: unknown, repo: string): HubFile[] {
  if (!Array.isArray(value)) throw unusable(repo, 'something else')
  return value.flatMap((entry: unknown) => {
    if (!isObject(entry) || entry.type !== 'file') return []
    const { path, size, lfs } = entry
    if (typeof path !== 'string' || typeof size !== 'number') throw unusable(repo, 'an entry without path or size')
    // The name becomes a file on this machine; a strange one must not reach beyond its folder.
    if (!safeName.test(posix.basename(path))) return []
    const sha256 = isObject(lfs) && typeof lfs.oid === 'string' ? lfs.oid.replace(/^sha256:/, '') : undefined
    return [{ path, bytes: size, sha256 }]
  })
}

function unusable(repo: string, got: string, cause?: unknown): UsageError {
  const message = `expected a list of files of hf:${repo}, got ${got}; check HF_ENDPOINT or try again later`
  return new UsageError('download-failed', message, { cause })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
