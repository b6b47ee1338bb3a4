/**
 * Requests of many people to one server, without a model: who asks what when, as tokens. Everything is a function of the seed, so
 * that caches of beginnings can be compared by counts.
 */
import type { PrefixTree } from '../../src/cache/prefix-tree.ts'
import { uniformAt } from '../../src/util/rng.ts'

/** One request: the whole text so far, and what is answered. */
export interface ReplayedRequest {
  readonly prompt: readonly number[]
  readonly answer: readonly number[]
}

/** What kinds of texts come, as numbers of texts and of tokens (from, to). */
export interface Mix {
  /** Shares of texts that are begun. */
  readonly shares: { readonly chat: number; readonly single: number; readonly documents: number }
  /** Beginnings that the operator wrote: one of them precedes each chat. */
  readonly systems: { readonly count: number; readonly tokens: readonly [number, number] }
  /** Chance that a chat goes on after an answer. */
  readonly goesOn: number
  /** The same in the second half. Default: as in the first. */
  readonly goesOnLater?: number
  /** Requests of others between an answer and the next question, on average. */
  readonly pause: number
  /** Single prompts come so many in a row. Default 1. */
  readonly burst?: number
}

const systems = { count: 8, tokens: [60, 500] } as const
const common = { systems, goesOn: 0.8, pause: 60 }

/** What servers may have to do with. */
export const mixes: Readonly<Record<string, Mix>> = {
  'long chats': { ...common, shares: { chat: 1, single: 0, documents: 0 } },
  'short chats': { ...common, shares: { chat: 1, single: 0, documents: 0 }, goesOn: 0.4 },
  'chats, single prompts': { ...common, shares: { chat: 1, single: 5, documents: 0 } },
  'chats, bursts of 100 single prompts': { ...common, shares: { chat: 1, single: 0.05, documents: 0 }, burst: 100 },
  'chats, questions about documents': { ...common, shares: { chat: 1, single: 0, documents: 5 } },
  'few chats among all others': { ...common, shares: { chat: 1, single: 15, documents: 5 }, pause: 100 },
  'chats of one system prompt, long pauses': {
    ...common,
    shares: { chat: 1, single: 1, documents: 1 },
    systems: { count: 1, tokens: [200, 200] },
    pause: 200,
  },
  'chats that change their habits': {
    ...common,
    shares: { chat: 1, single: 1, documents: 0 },
    goesOn: 0.1,
    goesOnLater: 0.9,
  },
}

/** A beginning before all single prompts, and one before all questions about documents. */
const TEMPLATE_TOKENS = 120
const ANSWER = [30, 220] as const
const QUESTION = [10, 80] as const
const SINGLE = [100, 700] as const
const DOCUMENT = [400, 1200] as const

/** `count` requests of a mix. */
export function replayOf(mix: Mix, count: number, seed: number): ReplayedRequest[] {
  const source = new Source(seed)
  const systems = Array.from({ length: mix.systems.count }, () => source.text(mix.systems.tokens))
  const [single, documents] = [
    source.text([TEMPLATE_TOKENS, TEMPLATE_TOKENS]),
    source.text([TEMPLATE_TOKENS, TEMPLATE_TOKENS]),
  ]
  const requests: ReplayedRequest[] = []
  /** Chats whose next question comes at a time; times are counts of requests. */
  const open: { at: number; text: number[] }[] = []
  const ask = (prompt: number[]): number[] => {
    const answer = source.text(ANSWER)
    requests.push({ prompt, answer })
    return [...prompt, ...answer]
  }
  const chat = (text: number[]): void => {
    const said = ask([...text, ...source.text(QUESTION)])
    const { goesOn, goesOnLater = goesOn } = mix
    if (source.uniform() >= (2 * requests.length < count ? goesOn : goesOnLater)) return
    open.push({ at: requests.length - Math.log(1 - source.uniform()) * mix.pause, text: said })
    open.sort((a, b) => a.at - b.at)
  }
  while (requests.length < count) {
    const due = open[0] && open[0].at <= requests.length ? open.shift() : undefined
    if (due) {
      chat(due.text)
      continue
    }
    const kind = source.uniform() * (mix.shares.chat + mix.shares.single + mix.shares.documents)
    if (kind < mix.shares.chat) chat([...(systems[Math.floor(source.uniform() ** 2 * systems.length)] ?? [])])
    else if (kind < mix.shares.chat + mix.shares.single) {
      for (let at = 0; at < (mix.burst ?? 1); at++) ask([...single, ...source.text(SINGLE)])
    } else ask([...documents, ...source.text(DOCUMENT), ...source.text(QUESTION)])
  }
  return requests.slice(0, count)
}

/** Blocks of prompts that a tree has when they are asked for. */
export function replayCache(tree: PrefixTree, requests: readonly ReplayedRequest[]): number {
  let hits = 0
  for (const { prompt, answer } of requests) {
    hits += tree.match(prompt).filter(({ count }) => count === tree.blockTokens).length
    // As the engine does: when the prompt has been read, and when the answer has ended.
    tree.insert(prompt)
    tree.insert([...prompt, ...answer])
  }
  return hits
}

/** Blocks of prompts that a cache of `capacity` blocks could have held at best: Belady's rule, the farthest next use goes. */
export class Belady {
  readonly #uses: readonly (readonly string[])[]
  readonly #texts: readonly (readonly string[])[]
  readonly #next: Map<string, number[]> = new Map()

  constructor(requests: readonly ReplayedRequest[], block: number) {
    const names = new Map<string, string>()
    const blocks = (tokens: readonly number[]): string[] => {
      const found: string[] = []
      let path = ''
      for (let first = 0; first + block <= tokens.length; first += block) {
        const key = `${path}/${tokens.slice(first, first + block).join(' ')}`
        path = names.get(key) ?? String(names.size)
        names.set(key, path)
        found.push(path)
      }
      return found
    }
    this.#uses = requests.map(({ prompt }) => blocks(prompt))
    this.#texts = requests.map(({ prompt, answer }) => blocks([...prompt, ...answer]))
    this.#uses.forEach((path, at) => {
      for (const name of path) {
        const list = this.#next.get(name) ?? []
        list.push(at)
        this.#next.set(name, list)
      }
    })
  }

  /** Blocks that are asked for. */
  get asked(): number {
    return this.#uses.reduce((sum, path) => sum + path.length, 0)
  }

  /** Most blocks that will be asked for again at a time: with as many, nothing need be read twice. */
  get workingSet(): number {
    const changes = new Array<number>(this.#uses.length + 2).fill(0)
    const first = new Map<string, number>()
    this.#texts.forEach((path, at) => path.forEach((name) => first.has(name) || first.set(name, at)))
    for (const [name, list] of this.#next) {
      const [begin, end] = [first.get(name) ?? 0, list.at(-1) ?? 0]
      if (end > begin) {
        changes[begin] = (changes[begin] ?? 0) + 1
        changes[end] = (changes[end] ?? 0) - 1
      }
    }
    let now = 0
    return changes.reduce((most, change) => Math.max(most, (now += change)), 0)
  }

  /** Hits, in blocks. */
  hits(capacity: number): number {
    const held = new Map<string, { next: number; depth: number }>()
    const byNext: Set<string>[] = Array.from(this.#uses, () => new Set())
    let hits = 0
    let farthest = 0
    this.#uses.forEach((path, at) => {
      hits += path.filter((name) => held.has(name)).length
      ;(this.#texts[at] ?? []).forEach((name, depth) => {
        const known = held.get(name)
        if (known) byNext[known.next]?.delete(name)
        held.delete(name)
        const next = this.#next.get(name)?.find((use) => use > at)
        if (next === undefined) return
        held.set(name, { next, depth })
        byNext[next]?.add(name)
        farthest = Math.max(farthest, next)
      })
      while (held.size > capacity) {
        while (byNext[farthest]?.size === 0) farthest--
        const bucket = [...(byNext[farthest] ?? [])]
        const [worst] = bucket.sort((a, b) => (held.get(b)?.depth ?? 0) - (held.get(a)?.depth ?? 0))
        if (worst === undefined) break
        byNext[farthest]?.delete(worst)
        held.delete(worst)
      }
    })
    return hits
  }
}

// ---------------------------------------------------------------------------------------------------------------

const VOCABULARY = 50_000

/** Random numbers and texts, one after the other. */
class Source {
  readonly #seed: number
  #drawn = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  uniform(): number {
    return uniformAt(this.#seed, this.#drawn++)
  }

  /** Tokens that stand nowhere else; their number is between the two. */
  text([least, most]: readonly [number, number]): number[] {
    const count = least + Math.floor(this.uniform() * (most - least + 1))
    return Array.from({ length: count }, (_, at) =>
      Math.floor((((this.#drawn * 7919 + at * 104_729) * 0.618_033_988_749) % 1) * VOCABULARY),
    )
  }
}
