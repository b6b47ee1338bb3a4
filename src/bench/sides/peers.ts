/**
 * Opens the programs that a benchmark compares with, each in a process of its own (libllama in ours, which is its best
 * case). A wrong name is the user's mistake and stops everything; a program that is not there or does not work is left
 * out with a sentence, because the others can be measured all the same.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { unreachable } from '../../util/assert.ts'
import { DisposeStack } from '../../util/dispose.ts'
import { HeterospecError, UsageError } from '../../util/errors.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { BenchDocument, Side } from '../types.ts'
import { locateNodeLlamaCpp, peerFolder } from './install.ts'
import { LIBLLAMA, libllamaSide } from './libllama-side.ts'
import { LLAMA_SERVER, LlamaServer } from './llama-server.ts'
import { NODE_LLAMA, NodeLlama } from './node-llama-cpp.ts'
import { parsePeers, type PeerOptions, type Wanted } from './peer-names.ts'
import type { IdleShare } from './process-facts.ts'
import type { Program } from './program.ts'
import { SERVER, serverSide } from './server.ts'

/** What all sides have in common. */
export interface PeerParts {
  readonly modelPath: string
  readonly threads: number
  /** Tokens that prompt and answer may need together. */
  readonly context: number
  readonly tokenizer: Tokenizer
  /** Above 0 only servers take part: the others are compared at greedy decoding alone. */
  readonly temperature: number
  readonly signal?: AbortSignal | undefined
  /** Where node-llama-cpp is looked for and put; default: see `peerFolder`. */
  readonly folder?: string | undefined
  /** Called before npm is asked to fetch node-llama-cpp. */
  readonly onInstall?: (() => void) | undefined
}

export interface Peers extends AsyncDisposable {
  readonly sides: readonly Side[]
  readonly skipped: BenchDocument['skipped']
  /** Most resident memory of each program that is a process of its own and of this machine. */
  peaks(): Promise<BenchDocument['peakMemory']>
  /** What each program, ours included, took of a processor while others were measured: should be nearly nothing. */
  idleShares(): IdleShare[]
}

/** Opens all. Throws `bad-option` for wrong names before anything is started, and `aborted`. */
export async function openPeers(requests: readonly string[], options: PeerOptions, parts: PeerParts): Promise<Peers> {
  const wanted = parsePeers(requests, options)
  await using stack = new DisposeStack()
  const skipped: { name: string; reason: string }[] = []
  const sides: Side[] = []
  const programs: Program[] = []
  for (const group of groupByProgram(wanted)) {
    try {
      const opened = await open(group, options, parts)
      for (const side of opened.sides) sides.push(stack.use(side))
      if (opened.program) programs.push(stack.use(opened.program))
    } catch (error) {
      if (!(error instanceof HeterospecError) || error.code === 'aborted') throw error
      skipped.push(...group.map(({ name }) => ({ name, reason: error.message })))
    }
  }
  const lives = stack.move()
  return {
    // A speculating side whose plain one is missing has nothing to be judged by.
    ...withoutOrphans(sides, skipped),
    peaks: () =>
      Promise.resolve(programs.flatMap(({ name, peakBytes: bytes }) => (bytes ? [{ program: name, bytes }] : []))),
    idleShares: () => idleShares(programs),
    [Symbol.asyncDispose]: () => lives[Symbol.asyncDispose](),
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface Opened {
  readonly sides: readonly Side[]
  readonly program?: Program
}

/** All sides of node-llama-cpp share a process; everything else has one of its own. */
function groupByProgram(wanted: readonly Wanted[]): Wanted[][] {
  const node = wanted.filter(({ program }) => program === NODE_LLAMA)
  return wanted.flatMap((one) => {
    if (one.program !== NODE_LLAMA) return [[one]]
    return one === node[0] ? [node] : []
  })
}

async function open(group: readonly Wanted[], options: PeerOptions, parts: PeerParts): Promise<Opened> {
  const [first] = group
  if (first === undefined) return { sides: [] }
  const { modelPath, threads, context, tokenizer, temperature, signal } = parts
  switch (first.program) {
    case LIBLLAMA:
      requireGreedy(first.name, temperature)
      return { sides: [await libllamaSide(modelPath, { threads, context }, tokenizer)] }
    case NODE_LLAMA:
      requireGreedy(first.name, temperature)
      return openNodeLlama(group, options, parts)
    case LLAMA_SERVER: {
      const binary = resolve(options.llamaServer ?? '')
      if (!existsSync(binary))
        throw new UsageError('peer-failed', `expected llama-server at ${binary}, found no such file`)
      const program = await LlamaServer.start({ ...parts, name: first.name, binary, flags: first.flags })
      return { sides: [program.side], program }
    }
    case SERVER: {
      const { serverUrl: url = '', serverModel: model, serverKey: key } = options
      return { sides: [await serverSide({ url, model, key, context, tokenizer, signal })] }
    }
    default:
      return unreachable(first)
  }
}

async function openNodeLlama(
  group: readonly Wanted[],
  { install = false, draftModel }: PeerOptions,
  { folder = peerFolder(), ...parts }: PeerParts,
): Promise<Opened> {
  const { signal, onInstall } = parts
  const entry = await locateNodeLlamaCpp(folder, { install, signal, onInstall })
  const drafts = group.some((one) => one.program === NODE_LLAMA && one.predictor && 'draft' in one.predictor)
  const program = await NodeLlama.start({ ...parts, entry, draftModel: drafts ? draftModel : undefined })
  const sides = group.flatMap((one) => (one.program === NODE_LLAMA ? [program.side(one.name, one.predictor)] : []))
  return { sides, program }
}

function requireGreedy(name: string, temperature: number): void {
  if (temperature === 0) return
  const why = `it draws other tokens than we do from the same scores`
  throw new UsageError('bad-option', `expected temperature 0 for ${name}, got ${temperature}: ${why}`)
}

function withoutOrphans(
  sides: readonly Side[],
  skipped: readonly { name: string; reason: string }[],
): Pick<Peers, 'sides' | 'skipped'> {
  const names = new Set(sides.map(({ info }) => info.name))
  const orphans = sides.filter(({ info }) => !names.has(info.plain))
  const reason = (plain: string): string => `expected ${plain} to compare with, it is left out`
  return {
    sides: sides.filter((side) => !orphans.includes(side)),
    skipped: [...skipped, ...orphans.map(({ info }) => ({ name: info.name, reason: reason(info.plain) }))],
  }
}

function idleShares(programs: readonly Program[]): IdleShare[] {
  const shares = programs.flatMap(({ name, idle }) =>
    idle.theirs === undefined ? [] : [{ program: name, share: idle.theirs }],
  )
  const ours = programs.flatMap(({ idle }) => (idle.ours === undefined ? [] : [idle.ours]))
  return ours.length === 0 ? shares : [...shares, { program: 'heterospec', share: Math.max(...ours) }]
}
