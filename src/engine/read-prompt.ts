/** Reading a prompt: what of it is known already, rows that the drafter would miss, and the rest in chunks. */
import type { Drafter, PromptListener } from '../draft/index.ts'
import type { PrefillOptions, Sequence } from '../model/index.ts'
import type { Scores, TokenId } from '../tree/index.ts'
import type { Seat } from './pass-types.ts'
import type { SharedPrompts } from './shared-prompts.ts'
import type { GenerateRequest } from './types.ts'

/** Who reads what for whom. */
export interface PromptWork {
  readonly prompt: readonly TokenId[]
  /** Its rows are a beginning of the prompt, never all of it. */
  readonly sequence: Sequence
  readonly seat: Seat
  readonly drafter: Drafter | undefined
  readonly heard: PromptListener | undefined
  /** Where rows of others are found and its own are left; undefined for requests that want neither. */
  readonly prompts: SharedPrompts | undefined
  readonly request: Pick<GenerateRequest, 'signal' | 'onPrefill'>
  /** Told once how many tokens need not be read. */
  readonly onKnown: (tokens: number) => void
}

/** Rows that are read again so that the drafter hears of them. */
const WORTH_HEARING = 32

/** Reads the prompt to its end; row 0 of the scores is the last token's. Throws `aborted`. */
export async function readPrompt(work: PromptWork): Promise<Scores> {
  const { prompt, sequence, seat, heard, prompts, request, onKnown } = work
  const aside = (): (() => void) => {
    seat.away()
    return () => seat.back()
  }
  const reading = await prompts?.begin(sequence, prompt, { signal: request.signal, aside })
  try {
    const needless = heard?.known?.() ?? Infinity
    // A few rows more spare the drafter a gap; more than that it can do without.
    if (sequence.length - needless <= WORTH_HEARING) sequence.truncate(Math.min(sequence.length, needless))
    const known = sequence.length
    onKnown(known)
    return await sequence.prefill(prompt.slice(known), {
      ...prefillOptions(work, known),
      passes: seat.read(prompt.length - known),
    })
  } finally {
    prompts?.save(sequence, prompt.slice(0, sequence.length))
    reading?.[Symbol.dispose]()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Indices of what is read begin at `from`. */
function prefillOptions({ prompt, drafter, heard, seat, request }: PromptWork, from: number): PrefillOptions {
  const { onPrefill, signal } = request
  const wants = drafter?.wantsPromptRow?.bind(drafter)
  return {
    signal,
    onProgress: onPrefill && ((done, total) => onPrefill(from + done, from + total, from)),
    // Logits of a prompt's rows are for drafts: where nobody drafts they are not computed.
    wanted: wants && ((index) => !seat.resting && wants(prompt, from + index)),
    onFeatures: heard && ((first, rows) => heard.hear(from + first, rows)),
    onRows:
      drafter?.observePrompt &&
      ((rows) => drafter.observePrompt?.(rows.map((row) => ({ ...row, index: row.index + from })))),
  }
}
