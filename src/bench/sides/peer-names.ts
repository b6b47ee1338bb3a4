/**
 * What may be said for `--peers`, as data: names to programs and their options, plain sides added where others are judged
 * by them. Pure: starts nothing, looks at no disk.
 */
import { UsageError } from '../../util/errors.ts'
import { nearestName } from '../../util/nearest.ts'
import { LIBLLAMA } from './libllama-side.ts'
import { LLAMA_SERVER } from './llama-server.ts'
import { NODE_LLAMA, type Predictor } from './node-llama-cpp.ts'
import { parseAddress, SERVER } from './server.ts'

/** Where programs and models lie that peers need. */
export interface PeerOptions {
  /** Fetch node-llama-cpp with npm if it is not there. */
  readonly install?: boolean | undefined
  /** A smaller model for `node-llama-cpp/draft`. */
  readonly draftModel?: string | undefined
  /** Path of the program for `llama-server`. */
  readonly llamaServer?: string | undefined
  /** Sets of its flags, one text each, e.g. `--spec-type ngram-simple`: each is a side of its own beside the plain one. */
  readonly llamaServerArgs?: readonly string[] | undefined
  /** Address for `server`. */
  readonly serverUrl?: string | undefined
  readonly serverModel?: string | undefined
  /** Its bearer token. */
  readonly serverKey?: string | undefined
}

/** One side that was asked for. */
export type Wanted =
  | { readonly program: typeof LIBLLAMA; readonly name: string }
  | { readonly program: typeof NODE_LLAMA; readonly name: string; readonly predictor: Predictor }
  | { readonly program: typeof LLAMA_SERVER; readonly name: string; readonly flags: readonly string[] }
  | { readonly program: typeof SERVER; readonly name: string }

/** Every name. `lookup:M:D`: fewest tokens that match, most to draft. `draft:N`: tokens to wait for. */
export const peerNames: readonly string[] = [
  LIBLLAMA,
  NODE_LLAMA,
  `${NODE_LLAMA}/lookup`,
  `${NODE_LLAMA}/lookup:1:1`,
  `${NODE_LLAMA}/draft`,
  `${NODE_LLAMA}/draft:4`,
  LLAMA_SERVER,
  SERVER,
]

/** Reads names. Throws `bad-option` for one that is unknown or lacks its option. */
export function parsePeers(requests: readonly string[], options: PeerOptions): Wanted[] {
  const wanted = new Map<string, Wanted>()
  for (const request of requests) for (const one of parsePeer(request.trim(), options)) wanted.set(one.name, one)
  return [...wanted.values()]
}

// ---------------------------------------------------------------------------------------------------------------

function parsePeer(name: string, options: PeerOptions): Wanted[] {
  const plainNode: Wanted = { program: NODE_LLAMA, name: NODE_LLAMA, predictor: null }
  if (name === LIBLLAMA) return [{ program: LIBLLAMA, name }]
  if (name === NODE_LLAMA) return [plainNode]
  if (/^node-llama-cpp\/draft(:|$)/.test(name)) {
    need(options.draftModel, name, '--draft-model')
    return [plainNode, parseDraft(name)]
  }
  if (name === `${NODE_LLAMA}/lookup`) return [plainNode, { program: NODE_LLAMA, name, predictor: { lookup: {} } }]
  if (name.startsWith(`${NODE_LLAMA}/lookup:`)) return [plainNode, parseLookup(name)]
  if (name === LLAMA_SERVER) return parseLlamaServer(options)
  if (name === SERVER) {
    parseAddress(need(options.serverUrl, name, '--server-url'))
    return [{ program: SERVER, name }]
  }
  const near = nearestName(name, peerNames)
  const hint = near === undefined ? 'choose among them' : `did you mean "${near}"?`
  throw new UsageError('bad-option', `expected peers among ${peerNames.join(', ')}, got "${name}"; ${hint}`)
}

function need(value: string | undefined, name: string, flag: string): string {
  if (value !== undefined) return value
  throw new UsageError('bad-option', `expected ${flag} for the peer ${name}, got none; add it`)
}

/** `:4` waits for 4 drafted tokens; the package's own default is to take what is ready, which may be nothing. */
function parseDraft(name: string): Wanted {
  const [, text] = name.split(':')
  const minTokens = Number(text)
  if (text !== undefined && !(Number.isInteger(minTokens) && minTokens >= 1)) {
    throw new UsageError('bad-option', `expected ${NODE_LLAMA}/draft:4 (tokens to wait for), got "${name}"; correct it`)
  }
  return { program: NODE_LLAMA, name, predictor: { draft: text === undefined ? {} : { minTokens } } }
}

/** `2:4`: at least 2 tokens have to match, at most 4 are drafted. */
function parseLookup(name: string): Wanted {
  const [match = NaN, draft = NaN, ...rest] = name.split(':').slice(1).map(Number)
  if (!Number.isInteger(match) || !Number.isInteger(draft) || match < 1 || draft < match || rest.length > 0) {
    const form = `${NODE_LLAMA}/lookup:2:4 (tokens that match, most tokens to draft)`
    throw new UsageError('bad-option', `expected ${form}, got "${name}"; it drafts no fewer than have to match`)
  }
  const predictor = { lookup: { patternLength: { min: match }, predictionLength: { max: draft } } }
  return { program: NODE_LLAMA, name, predictor }
}

function parseLlamaServer({ llamaServer, llamaServerArgs = [] }: PeerOptions): Wanted[] {
  need(llamaServer, LLAMA_SERVER, '--llama-server')
  const sets = llamaServerArgs.map(splitFlags).filter((flags) => flags.length > 0)
  return [
    { program: LLAMA_SERVER, name: LLAMA_SERVER, flags: [] },
    ...sets.map((flags): Wanted => ({ program: LLAMA_SERVER, name: `${LLAMA_SERVER}/${flags.join(' ')}`, flags })),
  ]
}

/** At spaces, but for those between quotes. */
function splitFlags(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|\S+/g)].map(([whole, double, single]) => double ?? single ?? whole)
}
