/** One request from prompt to last event: read the prompt, draw the first token, run rounds until something ends them. */
import { realClock } from '../util/clock.ts'
import { omit } from '../util/omit.ts'
import { joinSignals } from '../util/signals.ts'
import type { CostModel } from '../policy/index.ts'
import { openConstraint, openDraft, openSampler } from './choosing.ts'
import { resolveSpeculation, type Drafting } from './drafting.ts'
import type { EngineParts } from './engine.ts'
import { offeredTools } from './form.ts'
import { encodePrompt } from './prompt.ts'
import { readRequest } from './request.ts'
import { Run } from './run.ts'
import { Session } from './session.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './types.ts'

/**
 * What an experiment puts in the place of the engine's own. Its rounds wait for the reader of their events, who looks at what they leave
 * behind and may stop the clock meanwhile.
 */
export interface Conditions {
  /** Disposed of when the request is over. */
  readonly drafting?: Drafting
  readonly cost?: CostModel
}

/** Runs one request. Throws before any work on bad requests; ends with a `done` event otherwise. */
export async function* generate(
  parts: EngineParts,
  request: GenerateRequest,
  conditions?: Conditions,
): AsyncGenerator<GenerateEvent, void, undefined> {
  const started = realClock()
  const speculation = request.speculative === undefined ? parts.speculation : resolveSpeculation(request.speculative)
  const { sampling, maxTokens, logProbs } = readRequest(request)
  const { tokenizer, template, model } = parts
  const prompt = await encodePrompt(
    { tokenizer, template, spec: model.spec, context: model.context },
    request.prompt,
    offeredTools(request),
  )
  using constraint = await openConstraint(parts.formats, request, prompt.length)
  using drafting = conditions?.drafting ?? (await parts.drafting.prepare(speculation))
  const cost = conditions?.cost ?? (await parts.prices.for(speculation.budget.policy))
  const run = new Run(parts, request, drafting, prompt, started)
  const slot = await run.takeSlot()
  if (slot === undefined) {
    yield run.done(sampling.seed)
    return
  }
  using seat = parts.passes.join({ cost, priority: request.priority, signal: request.signal })
  try {
    using heard = drafting.drafter?.listen?.(prompt)
    const scores = await run.prefill(slot, seat, heard)
    if (scores === undefined || maxTokens === 0) {
      seat.away()
      yield run.done(sampling.seed)
      return
    }
    const { sampler, record } = openSampler({ sampling, logProbs, constraint, first: prompt.length })
    const first = sampler.draw(scores.logits(0), prompt, prompt.length)
    using stopped = joinSignals([run.leaving.signal, ...(request.signal ? [request.signal] : [])])
    using draft = openDraft(drafting, [...prompt, first], { heard, constraint, room: () => session.context().room })
    const session: Session = new Session({
      sequence: slot.sequence,
      draft,
      policy: drafting.policy,
      sampler,
      cost,
      prompt,
      maxTokens,
      // Behind the end of a format nothing can come.
      isEnd: (token) => (request.ignoreEos !== true || constraint !== undefined) && parts.tokenizer.isEnd(token),
      signal: stopped.signal,
      batch: () => seat.batch,
      resting: () => seat.resting,
    })
    yield* run.rounds(session, { seat, first, record, inStep: conditions !== undefined })
    yield run.done(sampling.seed, session)
  } finally {
    run.giveSlot(slot)
  }
}

/** Waits for the last event. */
export async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateResult> {
  for await (const event of events) {
    if (event.type === 'done') {
      return omit(event, 'type')
    }
  }
  throw new Error('internal: a request ended without a result')
}
