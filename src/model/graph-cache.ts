/** Graphs by form, least recently used first out: a pass of a known form only sets its inputs. */

/** Enough for the row counts that a budget alternates between, at two context steps; about 1 to 4 MB each. */
const CAPACITY = 24

/** `Shape`: plain fields that decide a graph's form. */
export class GraphCache<Shape extends object, Built extends Disposable> implements Disposable {
  readonly #build: (shape: Shape) => Built
  readonly #graphs = new Map<string, Built>()
  /** Passes that found their graph, and passes that had to build one. */
  readonly counts = { hits: 0, builds: 0 }

  constructor(build: (shape: Shape) => Built) {
    this.#build = build
  }

  get(shape: Shape): Built {
    const key = Object.values(shape).join('/')
    const known = this.#graphs.get(key)
    if (known) {
      this.counts.hits++
      this.#graphs.delete(key)
      this.#graphs.set(key, known)
      return known
    }
    this.counts.builds++
    if (this.#graphs.size >= CAPACITY) this.#dropOldest()
    const built = this.#build(shape)
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
