/**
 * Kills `head data` and `head train` with SIGKILL at random moments and goes on, and compares what comes out with runs that
 * nobody disturbed. After every kill what is under a file's name must be whole, and nothing that was done may be gone.
 *
 *     npx tsx scripts/kill-training.ts [kills of data] [of training] [seed]      (needs "npm run build")
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { loadGguf } from '../src/gguf/index.ts'
import { readBytes } from '../src/train/tensors.ts'
import { uniformAt } from '../src/util/rng.ts'
import { makeTinyModel } from './make-tiny-model.ts'

export interface KillOptions {
  /** How `heterospec` is started. */
  readonly program: readonly [command: string, ...args: string[]]
  readonly dataKills: number
  readonly trainingKills: number
  readonly seed: number
}

export interface KillReport {
  /** Kills by how far the run was: conversations, or steps of training, at that moment. */
  readonly data: readonly number[]
  readonly training: readonly number[]
  /** Runs that came to their end between kills, and were compared. */
  readonly compared: number
}

/** Throws where something is lost or other than it should be. */
export async function killTraining({ program, dataKills, trainingKills, seed }: KillOptions): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-kills-'))
  try {
    const [target = ''] = await makeTinyModel(join(folder, 'target.gguf'), { layers: 3 })
    const run = launcher(program, join(folder, 'cache'))
    const data = dataWork(folder, target)
    const training = trainingWork(folder, target, data.whole)
    const first = await killWork(data, run, dataKills, seed)
    const second = await killWork(training, run, trainingKills, seed + 1)
    return { data: first.moments, training: second.moments, compared: first.compared + second.compared }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** A command that is run undisturbed into one file and in pieces into another. */
interface Work {
  readonly name: string
  readonly whole: string
  readonly pieces: string
  command(out: string): string[]
  /** How much is done, Infinity for all; throws where something under its name is broken. */
  progress(out: string): number
  /** Whether the run in pieces came to the same as the undisturbed one. */
  same(): boolean
  forget(out: string): void
}

type Launch = (
  args: readonly string[],
  killAfterMs?: number,
) => Promise<{ readonly killed: boolean; readonly ms: number }>

function launcher(program: KillOptions['program'], cache: string): Launch {
  const [command, ...first] = program
  const env = { ...process.env, HETEROSPEC_CACHE: cache, HETEROSPEC_KERNELS: 'off', HETEROSPEC_THREADS: '1' }
  return async (args, killAfterMs) => {
    const begun = performance.now()
    const child = spawn(command, [...first, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ended = once(child, 'close') as Promise<[number | null]>
    const stop = new AbortController()
    if (killAfterMs !== undefined) {
      const alarm = sleep(killAfterMs, undefined, { signal: stop.signal }).catch(() => undefined)
      await Promise.race([ended, alarm])
      child.kill('SIGKILL')
    }
    const [code] = await ended
    stop.abort()
    if (code !== 0 && code !== null) throw new Error(`heterospec ${args.join(' ')} ended with ${code}: ${said}`)
    return { killed: code === null, ms: performance.now() - begun }
  }
}

async function killWork(
  work: Work,
  run: Launch,
  kills: number,
  seed: number,
): Promise<{ readonly moments: number[]; readonly compared: number }> {
  let { ms } = await run(work.command(work.whole))
  const moments: number[] = []
  let compared = 0
  let done = 0
  const compare = (): void => {
    if (!work.same()) throw new Error(`${work.name}: another result after kills at ${moments.join(', ')}`)
    work.forget(work.pieces)
    compared++
    done = 0
  }
  for (let attempt = 0; moments.length < kills; attempt++) {
    if (attempt > 20 * kills) throw new Error(`${work.name}: ends before it can be killed`)
    const { killed, ms: took } = await run(work.command(work.pieces), ms * uniformAt(seed, attempt))
    // The first run may have been disturbed: a kill after the end of others would be none.
    if (!killed && done === 0) ms = Math.min(ms, took)
    const now = killed ? work.progress(work.pieces) : Infinity
    // A process that was killed between its last word and its end has done its work.
    if (now === Infinity) {
      compare()
      continue
    }
    if (now < done) throw new Error(`${work.name}: ${done} were done, ${now} after the next kill`)
    moments.push((done = now))
  }
  await run(work.command(work.pieces))
  compare()
  return { moments, compared }
}

/** A conversation that was dropped. */
const NONE = '[]'

/** Conversations of `head data`: each is the same whatever happened before, but which are the last ones may differ. */
function dataWork(folder: string, target: string): Work {
  const lines = (out: string): Record<string, unknown>[] => {
    if (!existsSync(out)) return []
    const text = readFileSync(out, 'utf8')
    // A torn last line is what a kill may leave.
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }
  const conversations = (out: string): Map<number, string> => {
    const all = lines(out).slice(1)
    const found = new Map(all.map((line) => [Number(line['conversation']), JSON.stringify(line['tokens'] ?? [])]))
    if (found.size !== all.length) throw new Error('head data: a conversation stands twice')
    return found
  }
  const [whole, pieces] = [join(folder, 'whole.jsonl'), join(folder, 'pieces.jsonl')]
  return {
    ...{ name: 'head data', whole, pieces },
    command: (out) => [
      ...['head', 'data', '--target', target, '--out', out, '--quiet', '--sequences', '4'],
      ...['--max-answer', '48', '--max-prompt', '100', '--tokens', '1500'],
    ],
    progress: (out) => conversations(out).size,
    same: () => {
      const [one, other] = [conversations(whole), conversations(pieces)]
      // Of two that say the same the one that ended first is kept, so a conversation may have no tokens in one of them.
      const kept = [...one].filter(([number, tokens]) => tokens !== NONE && (other.get(number) ?? NONE) !== NONE)
      return kept.length > 20 && kept.every(([number, tokens]) => other.get(number) === tokens)
    },
    forget: (out) => rmSync(out, { force: true }),
  }
}

/** Steps of `head train`, which writes a checkpoint after each here. */
function trainingWork(folder: string, target: string, data: string): Work {
  const [whole, pieces] = [join(folder, 'whole.gguf'), join(folder, 'pieces.gguf')]
  return {
    ...{ name: 'head train', whole, pieces },
    command: (out) => [
      ...['head', 'train', '--target', target, '--data', data, '--out', out, '--quiet', '--checkpoint', '0'],
      ...['--draft-vocab', '64', '--batch', '4', '--length', '32', '--unroll', '2', '--held-out', '0.1'],
      ...['--epochs', '3', '--patience', '100', '--type', 'f32'],
    ],
    progress: (out) => {
      if (existsSync(out)) weightsOf(out)
      const checkpoint = `${out}.training`
      if (!existsSync(checkpoint)) return existsSync(out) ? Infinity : 0
      const bytes = readFileSync(checkpoint)
      const header = JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8))) as {
        position: { step: number }
      }
      return header.position.step
    },
    same: () => weightsOf(whole) === weightsOf(pieces),
    forget: (out) => rmSync(out, { force: true }),
  }
}

/** All weights of a head; throws for a file that is not whole. */
function weightsOf(path: string): string {
  const file = loadGguf(path)
  return file.tensors.map(({ name }) => `${name} ${Buffer.from(readBytes(file, name)).toString('base64')}`).join('\n')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [dataKills = 20, trainingKills = 20, seed = 1] = process.argv.slice(2).map(Number)
  const entry = fileURLToPath(new URL('../bin/heterospec.cjs', import.meta.url))
  const options: KillOptions = { program: [process.execPath, entry], dataKills, trainingKills, seed }
  void killTraining(options).then((report) => console.log(JSON.stringify(report)))
}
