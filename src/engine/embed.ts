/**
 * Vectors of texts: a text is read as a prompt is, in passes that it shares with running answers, and its rows after the last layer are
 * pooled. Nothing is drawn and nothing drafted. Rows of earlier texts are not used again: all of a text's rows count.
 */
import { UsageError } from '../util/errors.ts'
import { Pool } from '../model/index.ts'
import type { EngineParts } from './engine.ts'
import { encodePrompt } from './prompt.ts'
import type { Embedding, EmbedRequest } from './types.ts'

/** Reads one text. Throws `bad-prompt`, `prompt-too-long`, `bad-option` where no pooling is known, `aborted`. */
export async function embed(parts: EngineParts, request: EmbedRequest): Promise<Embedding> {
  const { model, tokenizer, template } = parts
  const { signal, priority, onPrefill } = request
  const pooling = request.pooling ?? model.spec.pooling ?? refusePooling(model.spec.name)
  const { context, spec } = model
  const tokens = await encodePrompt({ tokenizer, template, spec, context }, request.input)
  const cost = await parts.prices.for(parts.speculation.budget.policy)
  const slot = await parts.slots.take([], { signal, priority, maxTokens: tokens.length })
  const { sequence } = slot
  try {
    using seat = parts.passes.join({ cost, priority, signal })
    sequence.truncate(0)
    sequence.tap([spec.layerCount])
    const pool = new Pool(pooling, spec.width)
    await sequence.prefill(tokens, {
      signal,
      passes: seat.read(tokens.length),
      onProgress: onPrefill && ((done, total) => onPrefill(done, total, 0)),
      onFeatures: (_, rows) => {
        for (const row of rows) pool.add(model.headInput(row))
      },
    })
    return { vector: pool.vector(), tokens: tokens.length }
  } finally {
    sequence.tap([])
    slot.cached = tokens.slice(0, sequence.length)
    parts.slots.give(slot)
  }
}

/** Vectors of a model that says nothing of them may be worthless: somebody has to want them. */
export function refusePooling(name: string): never {
  throw new UsageError(
    'bad-option',
    `expected a model made for embeddings (its file says how rows are pooled), ${name} is none; use another one or choose a pooling (mean, cls, last)`,
  )
}
