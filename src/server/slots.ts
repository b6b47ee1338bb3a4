/** What each place does right now, in llama-server's words (`/slots`). Nothing of prompts and answers but their lengths. */
import { z } from '@hono/zod-openapi'
import type { GenerateEvent, GenerateRequest } from '../engine/index.ts'

/** One place, as `/slots` tells of it; from `id_task` on only while it works. */
export const slotState = z
  .object({
    id: z.int(),
    n_ctx: z.int(),
    speculative: z.boolean().describe('Something was drafted for the answer.'),
    is_processing: z.boolean(),
    id_task: z.int().describe('Answers count from 0.').optional(),
    n_prompt_tokens: z.int().optional(),
    n_prompt_tokens_processed: z.int().describe('Read for this answer, so far.').optional(),
    n_prompt_tokens_cache: z.int().describe('Found in the cache.').optional(),
    next_token: z
      .array(
        z.object({
          has_next_token: z.boolean(),
          n_remain: z.int().describe('-1: no limit.'),
          n_decoded: z.int(),
        }),
      )
      .describe('One entry.')
      .optional(),
  })
  .openapi('Slot')

/** What the schema describes. */
export type SlotState = z.output<typeof slotState>

/** An answer at its place. */
export interface SlotTask {
  /** Answers count from 0. */
  readonly id: number
  /** `done` of `total` prompt tokens are in the cache; `cached` of them were before. */
  prefill(done: number, total: number, cached: number): void
  see(event: GenerateEvent): void
  /** The place is free. */
  end(): void
}

/** As many places as answers are in work at a time. */
export class SlotBoard {
  readonly #context: number
  readonly #tasks: (Task | undefined)[]
  #begun = 0

  constructor(places: number, context: number) {
    this.#context = context
    this.#tasks = new Array<undefined>(places).fill(undefined)
  }

  /** An answer begins its work. */
  begin({ maxTokens }: Pick<GenerateRequest, 'maxTokens'>): SlotTask {
    const task = new Task(this.#begun++, maxTokens, () => {
      this.#tasks[this.#tasks.indexOf(task)] = undefined
    })
    this.#tasks[this.#tasks.indexOf(undefined)] = task
    return task
  }

  /** All places, in order. */
  get states(): SlotState[] {
    return this.#tasks.map((task, id) => ({
      id,
      n_ctx: this.#context,
      speculative: task?.drafts ?? false,
      is_processing: task !== undefined,
      ...task?.state,
    }))
  }
}

// ---------------------------------------------------------------------------------------------------------------

class Task implements SlotTask {
  readonly id: number
  readonly end: () => void
  /** Something was drafted for it. */
  drafts = false
  readonly #maxTokens: number | undefined
  #prompt = { done: 0, total: 0, cached: 0 }
  #decoded = 0
  #ended = false

  constructor(id: number, maxTokens: number | undefined, free: () => void) {
    this.id = id
    this.#maxTokens = maxTokens
    this.end = () => {
      if (!this.#ended) free()
      this.#ended = true
    }
  }

  get state(): Omit<SlotState, 'id' | 'n_ctx' | 'speculative' | 'is_processing'> {
    const { done, total, cached } = this.#prompt
    return {
      id_task: this.id,
      n_prompt_tokens: total,
      n_prompt_tokens_processed: done - cached,
      n_prompt_tokens_cache: cached,
      next_token: [
        {
          has_next_token: true,
          n_remain: this.#maxTokens === undefined ? -1 : this.#maxTokens - this.#decoded,
          n_decoded: this.#decoded,
        },
      ],
    }
  }

  prefill(done: number, total: number, cached: number): void {
    this.#prompt = { done, total, cached }
  }

  see(event: GenerateEvent): void {
    if (event.type === 'text') this.#decoded += event.tokens.length
    if (event.type === 'round') this.drafts ||= event.trace.drafted > 0
  }
}
