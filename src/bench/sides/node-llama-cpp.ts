/**
 * node-llama-cpp as sides, in a process of its own: plain, and with its own predictors. Greedy only, like libllama.
 *
 * Its background drafting is timed by the clock, so counts of the draft-model predictor vary from run to run. Of its lookup
 * predictor the release measured here confirms at most one drafted token a pass, and drafts no fewer than have to match.
 */
import { defined } from '../../util/assert.ts'
import { UsageError } from '../../util/errors.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { Outcome, Side, SideInfo, Task } from '../types.ts'
import { NODE_LLAMA_CPP } from './install.ts'
import { NodeChild } from './node-child.ts'
import { nodeLlamaCppScript } from './node-llama-cpp-script.ts'
import { IdleMeter, peakBytesOf } from './process-facts.ts'
import type { Program } from './program.ts'

/** The name of the plain side, and the beginning of the others' names. */
export const NODE_LLAMA = 'node-llama-cpp'

/** One of the package's own predictors with its options; null for plain decoding. */
export type Predictor = { readonly lookup: LookupOptions } | { readonly draft: DraftOptions } | null

/** As the package spells them; what is left out has its default. */
export interface LookupOptions {
  readonly patternLength?: { readonly min: number }
  readonly predictionLength?: { readonly max: number }
}

export interface DraftOptions {
  readonly minTokens?: number
}

export interface NodeLlamaOptions {
  /** URL of the module to import. */
  readonly entry: string
  readonly modelPath: string
  readonly draftModel?: string | undefined
  readonly threads: number
  readonly context: number
  readonly tokenizer: Tokenizer
  readonly signal?: AbortSignal | undefined
}

/** What the process was loaded with, in its own words. */
interface Facts {
  readonly threads: number
  readonly context: number
  readonly flashAttention: boolean | string
  readonly mmap: boolean
  readonly llamaCpp: string
}

/** A running process with the model loaded. Idle between two questions. */
export class NodeLlama implements Program {
  readonly name = NODE_LLAMA
  readonly pid: number
  readonly #child: NodeChild
  readonly #facts: Facts
  readonly #tokenizer: Tokenizer
  readonly idle: IdleMeter

  private constructor(child: NodeChild, facts: Facts, tokenizer: Tokenizer) {
    this.#child = child
    this.#facts = facts
    this.#tokenizer = tokenizer
    this.pid = defined(child.pid)
    this.idle = new IdleMeter(this.pid)
  }

  /** Throws `peer-failed` where the package cannot be loaded or does not take our settings. */
  static async start(options: NodeLlamaOptions): Promise<NodeLlama> {
    const { tokenizer, signal, entry, modelPath: model, draftModel, threads, context } = options
    const child = new NodeChild(NODE_LLAMA, nodeLlamaCppScript)
    try {
      const ends = Array.from({ length: tokenizer.vocabSize }, (_, token) => token).filter((id) => tokenizer.isEnd(id))
      const load = { entry, model, draftModel, threads, context, ends }
      const facts = (await child.ask({ load }, signal)) as Facts
      if (facts.threads !== threads) {
        const got = `expected ${NODE_LLAMA} to take ${threads} threads, it takes ${facts.threads}`
        throw new UsageError('peer-failed', `${got}; choose other --threads or leave it out`)
      }
      return new NodeLlama(child, facts, tokenizer)
    } catch (error) {
      await child[Symbol.asyncDispose]()
      throw error
    }
  }

  get peakBytes(): number | undefined {
    return peakBytesOf(this.pid)
  }

  /** A side of this process; sides take turns. */
  side(name: string, predictor: Predictor): Side {
    const info: SideInfo = {
      name,
      kind: NODE_LLAMA,
      plain: NODE_LLAMA,
      details: { version: NODE_LLAMA_CPP, ...this.#facts, cache: 'f16', predictor },
    }
    return {
      info,
      run: (task) => this.idle.during(() => this.#decode(task, predictor)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }

  async #decode(task: Task, predictor: Predictor): Promise<Outcome> {
    const { tokens, maxTokens, lookIn, temperature, signal } = task
    if (temperature > 0)
      throw new UsageError('bad-option', `expected temperature 0 for ${NODE_LLAMA}, got ${temperature}; leave it out`)
    const question = { decode: { tokens, maxTokens, lookIn, predictor } }
    const answer = (await this.#child.ask(question, signal)) as Answer
    return {
      ...answer,
      text: this.#tokenizer.detokenize(answer.tokens),
      offeredByDepth: [],
      acceptedByDepth: [],
      draftMs: null,
      targetMs: null,
      hostMs: null,
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** What the script answers. */
type Answer = Pick<
  Outcome,
  'tokens' | 'ended' | 'firstTokenMs' | 'decodeMs' | 'calls' | 'verified' | 'drafted' | 'accepted'
>
