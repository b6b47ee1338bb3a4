/**
 * A part of every batch, computed on threads of its own: graphs and gradients that no other part touches. Parts meet once a step,
 * when their gradients are added up; a thread whose core was taken by another program holds nobody up before that. ggml's threads
 * wait for each other after every operation instead.
 */
import { defined } from '../../util/assert.ts'
import type { Backend } from '../../tensor/index.ts'
import type { TrainingBatch } from '../types.ts'
import { chooseCandidates, type Candidates } from './candidates.ts'
import { fillNetwork, lessonStates, type FillOptions } from './fill.ts'
import { buildNetwork, disposeNetwork, type Network, type NetworkOptions, type NetworkParts } from './network.ts'
import type { Learners } from './parameters.ts'
import type { Plan } from './plan.ts'
import { nothingComputed, readTotals, type StepTotals } from './totals.ts'

export interface ShareParts extends NetworkParts {
  readonly parameters: Learners
  /** Graphs for batches of other sizes are kept up to this many bytes: they are soon built, and large. */
  readonly keptBytes: number
}

/** What is done with a part of a batch. */
export interface ShareWork {
  readonly fill: FillOptions
  readonly learn: boolean
  /** The draft tokens that the output head is restricted to; undefined for all. */
  readonly candidates: { readonly count: number; readonly seed: number } | undefined
}

export class Share implements Disposable {
  readonly #parts: ShareParts
  readonly #networks = new Map<string, Network>()

  constructor(parts: ShareParts) {
    this.#parts = parts
  }

  get backend(): Backend {
    return this.#parts.backend
  }

  /** Bytes of graphs. */
  get bytes(): number {
    return [...this.#networks.values()].reduce((sum, { graph, mass }) => sum + graph.bytes + (mass?.bytes ?? 0), 0)
  }

  /** Scores a part of a batch; with `learn`, and lessons in it, its gradients are in `parameters` afterwards. */
  async compute(batch: TrainingBatch, plan: Plan, { fill, learn, candidates }: ShareWork): Promise<StepTotals[]> {
    if (learn && plan.lessons === 0) return nothingComputed(plan)
    const network = this.#network({
      ...{ sizes: plan.sizes, learn, stateLoss: fill.stateLoss > 0, candidates: candidates?.count },
    })
    const chosen = candidates && (await this.#choose(network, batch, plan, candidates))
    fillNetwork(network, batch, plan, fill, chosen)
    await network.graph.compute()
    return readTotals(network, chosen ? { ...plan, wanted: placesOf(plan.wanted, chosen.ids) } : plan, fill.width)
  }

  [Symbol.dispose](): void {
    for (const network of this.#networks.values()) disposeNetwork(network)
    this.#networks.clear()
  }

  async #choose(
    network: Network,
    batch: TrainingBatch,
    plan: Plan,
    { count, seed }: NonNullable<ShareWork['candidates']>,
  ): Promise<Candidates> {
    const { parameters, shape } = this.#parts
    const mass = await defined(network.mass).run(lessonStates(batch, plan, shape.width))
    parameters.clear('output.weight')
    return chooseCandidates(mass, plan.wanted, count, seed)
  }

  #network(options: NetworkOptions): Network {
    const key = JSON.stringify(options)
    const known = this.#networks.get(key)
    this.#networks.delete(key)
    const network = known ?? buildNetwork(this.#parts, options)
    this.#networks.set(key, network)
    for (const [other, oldest] of this.#networks) {
      if (this.#networks.size === 1 || this.bytes <= this.#parts.keptBytes) break
      this.#networks.delete(other)
      disposeNetwork(oldest)
    }
    return network
  }
}

/** The texts of a batch in at most `parts` parts, as even as they come; none is empty. */
export function splitBatch(batch: TrainingBatch, parts: number): TrainingBatch[] {
  const { texts, length } = batch
  const count = Math.max(1, Math.min(parts, texts))
  return Array.from({ length: count }, (_, part) => {
    const [from, to] = [Math.floor((texts * part) / count), Math.floor((texts * (part + 1)) / count)]
    const cut = <Rows extends Int32Array | Float32Array | Uint8Array>(rows: Rows): Rows => {
      const each = rows.length / texts
      return rows.subarray(from * each, to * each) as Rows
    }
    return {
      ...{ texts: to - from, length, tokens: cut(batch.tokens), features: cut(batch.features) },
      ...{ states: cut(batch.states), answered: cut(batch.answered), ...(batch.best && { best: cut(batch.best) }) },
    }
  })
}

// ---------------------------------------------------------------------------------------------------------------

/** Draft ids to their places among the candidates. */
function placesOf(wanted: Int32Array, ids: Int32Array): Int32Array {
  const places = new Map(Array.from(ids, (id, place) => [id, place]))
  return wanted.map((id) => places.get(id) ?? -1)
}
