/** Graphs by form, least recently used first out: a pass of a known form only sets its inputs. */
import type { GraphTally } from '../tensor/index.ts'

/** Enough for the row counts that a budget alternates between, at two context steps; about 1 to 4 MB each. */
export const GRAPHS_OF_ONE = 24
/** The same where several sequences share passes: their rows add up to more different numbers. */
export const GRAPHS_OF_MANY = 48

/** `Shape`: plain fields that decide a graph's form. */
export class GraphCache<Shape extends object, Built extends Disposable> implements Disposable {
  readonly #build: (shape: Shape) => Built
  readonly #tally: GraphTally
  readonly #capacity: number
  readonly #graphs = new Map<string, Built>()
  /** Form of the last pass. */
  #last: string | undefined

  /** `tally`: the device's count of graphs, and whether they are kept; `capacity`: most of them. */
  constructor(build: (shape: Shape) => Built, tally: GraphTally, capacity = GRAPHS_OF_ONE) {
    this.#capacity = capacity
    this.#build = build
    this.#tally = tally
  }

  get(shape: Shape): Built {
    const key = Object.values(shape).join('/')
    const known = this.#graphs.get(key)
    const usable = this.#tally.keep || key === this.#last
    this.#last = key
    this.#graphs.delete(key)
    if (known && usable) {
      this.#tally.reused++
      this.#graphs.set(key, known)
      return known
    }
    known?.[Symbol.dispose]()
    if (this.#graphs.size >= this.#capacity) this.#dropOldest()
    const started = performance.now()
    const built = this.#build(shape)
    this.#tally.built++
    this.#tally.buildMs += performance.now() - started
    this.#graphs.set(key, built)
    return built
  }

  [Symbol.dispose](): void {
    for (const graph of this.#graphs.values()) graph[Symbol.dispose]()
    this.#graphs.clear()
  }

  #dropOldest(): void {
    for (const [key, graph] of this.#graphs) {
      graph[Symbol.dispose]()
      this.#graphs.delete(key)
      return
    }
  }
}
