/** Graphs by form, least recently used first out: a pass of a known form only sets its inputs. */
import { buildForward, type ForwardGraph, type ForwardParts, type PassShape } from './forward.ts'

/** Enough for the row counts that a budget alternates between, at two context steps; about 1 to 4 MB each. */
const CAPACITY = 24

export class GraphCache implements Disposable {
  readonly #parts: ForwardParts
  readonly #graphs = new Map<string, ForwardGraph>()
  /** Passes that found their graph, and passes that had to build one. */
  readonly counts = { hits: 0, builds: 0 }

  constructor(parts: ForwardParts) {
    this.#parts = parts
  }

  get(shape: PassShape): ForwardGraph {
    const key = `${shape.rows}/${shape.slots}/${shape.outputs}`
    const known = this.#graphs.get(key)
    if (known) {
      this.counts.hits++
      this.#graphs.delete(key)
      this.#graphs.set(key, known)
      return known
    }
    this.counts.builds++
    if (this.#graphs.size >= CAPACITY) this.#dropOldest()
    const built = buildForward(this.#parts, shape)
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
