/** How the tokens of one request are chosen and drafted: settings, format and record put together. The round knows none of them. */
import type { DraftSession, PromptListener } from '../draft/index.ts'
import type { AnswerConstraint, FormatCompiler } from '../grammar/index.ts'
import {
  ConstrainedSampler,
  createSampler,
  RecordingSampler,
  type ResolvedSampleOptions,
  type Sampler,
} from '../sample/index.ts'
import type { TokenId } from '../tree/index.ts'
import { ConstrainedDraft } from './constrained-draft.ts'
import { plainSession, type Drafting } from './drafting.ts'
import { formOf } from './form.ts'
import type { FormRequest } from './types.ts'

/** What the form of a request's answer says about its tokens, the first of which stands at index `first`; undefined: nothing. */
export async function openConstraint(
  formats: FormatCompiler,
  request: FormRequest,
  first: number,
): Promise<AnswerConstraint | undefined> {
  const form = formOf(request)
  return form && formats.open(form, first)
}

/** The sampler of one request; with `logProbs` one that remembers that many alternatives. */
export function openSampler(parts: {
  readonly sampling: ResolvedSampleOptions
  readonly constraint: AnswerConstraint | undefined
  readonly logProbs: number | undefined
  /** Index of the answer's first token. */
  readonly first: number
}): { readonly sampler: Sampler; readonly record: RecordingSampler | undefined } {
  const { sampling, constraint, logProbs, first } = parts
  const free = createSampler(sampling)
  const chosen = constraint ? new ConstrainedSampler(free, constraint) : free
  // Outermost: it shows what the model thinks, not what the format leaves of it.
  const record = logProbs === undefined ? undefined : new RecordingSampler(chosen, logProbs, first)
  return { sampler: record ?? chosen, record }
}

/** The drafting of one request whose text so far is `tokens`. Plain decoding stays plain, whatever the format forces. */
export function openDraft(
  { drafter }: Drafting,
  tokens: readonly TokenId[],
  parts: {
    readonly heard: PromptListener | undefined
    readonly constraint: AnswerConstraint | undefined
    readonly room: () => number
  },
): DraftSession {
  if (!drafter) return plainSession
  const draft = drafter.open(tokens, parts.heard)
  const { constraint, room } = parts
  return constraint ? new ConstrainedDraft({ draft, constraint, room, source: drafter.sources.length }) : draft
}
