/**
 * Contracts of the benchmark: prompts in, one document out. Everything is plain JSON; reports and comparisons read
 * nothing else. Times are milliseconds; absolute ones only mean something against others of the same run.
 */
import type { CostRow, RoundTrace } from '../engine/index.ts'
import type { GraphCounts } from '../model/index.ts'
import type { ChatMessage } from '../text/index.ts'

/** One line of a suite, in Spec-Bench's format. */
export interface Question {
  readonly id: number | string
  readonly category: string
  /** What the table counts as one: MT-bench's eight categories are `mt_bench`, any other category is its own group. */
  readonly group: string
  /** The user's words, one text per turn, at least one. */
  readonly turns: readonly string[]
}

/** One turn of one question: what every side has to answer. */
export interface Task {
  /** The conversation so far; the answers in it are those of the baseline, for every side the same. */
  readonly messages: readonly ChatMessage[]
  /** The same as token ids, chat template included. */
  readonly tokens: readonly number[]
  /** The last user message without the template: where node-llama-cpp's chat session lets its predictor look. */
  readonly lookIn: readonly number[]
  readonly maxTokens: number
  /** 0 is greedy. */
  readonly temperature: number
  /** The same for every side; sampled outputs of different programs differ all the same. */
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** What a side did with a task. Counted the same way for all; null where a program does not tell. */
export interface Outcome {
  /** The answer, without the token that ended it. */
  readonly tokens: readonly number[]
  readonly text: string
  /** Whether an end token came, not the limit. */
  readonly ended: boolean
  /** From the request until the first token is known: prompt processing and all preparations. */
  readonly firstTokenMs: number
  /** From there until the last is known. */
  readonly decodeMs: number
  /** Passes of the target after the prompt. */
  readonly calls: number | null
  /** Rows of these passes, roots included: the paper's "tokens". */
  readonly verified: number | null
  readonly drafted: number | null
  readonly accepted: number | null
  /** By depth - 1: passes whose tree reached the depth, and passes that accepted a node there. Empty where unknown. */
  readonly offeredByDepth: readonly number[]
  readonly acceptedByDepth: readonly number[]
  readonly draftMs: number | null
  readonly targetMs: number | null
  readonly hostMs: number | null
  /** Computation graphs of all rounds; only of our own sides. */
  readonly graphs?: GraphCounts | undefined
  /** A few rounds with their trees, for pictures; only when asked for. */
  readonly rounds?: readonly RoundTrace[] | undefined
}

/** Which program a side is. */
export type SideKind = 'heterospec' | 'libllama' | 'node-llama-cpp' | 'server'

/** A way of decoding that takes part in a comparison. */
export interface Side extends AsyncDisposable {
  readonly info: SideInfo
  /** Answers one task. An abort of its signal rejects with `aborted`. */
  run(task: Task): Promise<Outcome>
  /**
   * Reads the prompt and stops after the first token: for sides that can take turns with others within one answer.
   * Several answers of different sides may be in the making at once, one of each side.
   */
  start?(task: Task): Promise<Answer>
}

/** An answer in the making. Time between two calls is nobody's. */
export interface Answer extends AsyncDisposable {
  /** Goes on until `tokens` tokens are emitted or the answer ends; whether it has ended. */
  advance(tokens: number): Promise<boolean>
  /** Once it has ended. */
  outcome(): Outcome
}

export interface SideInfo {
  /** As in tables, unique: `off`, `auto`, `lookup/fixed:nodes=8`, `libllama`, `node-llama-cpp/lookup`. */
  readonly name: string
  readonly kind: SideKind
  /** The side whose output this one's must equal: plain decoding of the same program. Its own name if it is that. */
  readonly plain: string
  /** What it was asked to do, resolved, and the versions it reported. */
  readonly details: Readonly<Record<string, unknown>>
}

/** Where an output left that of plain decoding. */
export interface Difference {
  /** Index of the first token that differs; the length of the shorter one where one is a beginning of the other. */
  readonly position: number
  /** Lead of plain decoding's choice over the second best there, in logits; null where nobody could tell. */
  readonly gap: number | null
}

/** One side on one turn. */
export interface Row extends Omit<Outcome, 'tokens' | 'text' | 'rounds'> {
  readonly side: string
  /** Tokens emitted. */
  readonly tokens: number
  /** Tokens computed after the first: what `decodeMs` was spent on (the token that ended the answer included). */
  readonly decoded: number
  /** The beginning of the SHA-256 of the token ids. */
  readonly hash: string
  /** Null when the output is that of `SideInfo.plain`. */
  readonly difference: Difference | null
}

/** One turn of one question, answered by every side. */
export interface Turn {
  readonly id: number | string
  readonly category: string
  readonly group: string
  /** 0 for the first. */
  readonly turn: number
  readonly promptTokens: number
  /** What the fixed reference workload took just before, and the machine's load then (processes wanting a processor). */
  readonly referenceMs: number
  readonly load: number
  /** The reference was further from the run's median than `Noise.limit`. */
  readonly drifted: boolean
  /** In the order in which the sides ran. */
  readonly rows: readonly Row[]
}

/** A ratio or another figure with its 95 % interval (bootstrap over questions). */
export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** One side over one group, or over all (`overall`). */
export interface Summary {
  readonly side: string
  readonly group: string
  readonly turns: number
  /**
   * How many times as fast as the baseline per token, decoding only; geometric mean over questions. Null for a side
   * that failed, that is, whose output differs from its own plain decoding although it must not, or where nobody decoded.
   */
  readonly decodeSpeedup: Interval | null
  /** The same with prompt processing, for as many tokens as the baseline wrote. */
  readonly endToEndSpeedup: Interval | null
  readonly firstTokenSpeedup: Interval | null
  /** Turns whose output differs from its plain decoding's. */
  readonly different: number
  /** Tokens per target pass, bonus included. */
  readonly tau: number | null
  /** Accepted / drafted. */
  readonly acceptanceRate: number | null
  /** By depth - 1: of the passes that drafted this deep, the share that accepted a node there. */
  readonly acceptanceByDepth: readonly number[]
  readonly calls: number | null
  readonly verified: number | null
  /** Means per round. */
  readonly draftMs: number | null
  readonly targetMs: number | null
  readonly hostMs: number | null
  /** Sums over the group; undefined where a program does not tell. */
  readonly graphs?: GraphCounts | undefined
  readonly tokensPerMs: number
  /** Median. */
  readonly firstTokenMs: number
}

/** How quiet the machine was. */
export interface Noise {
  /** Least, median and greatest reference time, as ratios to the median. */
  readonly reference: { readonly low: number; readonly median: 1; readonly high: number; readonly medianMs: number }
  readonly load: { readonly before: number; readonly after: number }
  /** What each program, this one included, took of a processor while others were measured: nearly nothing, one hopes. */
  readonly idle: readonly { readonly program: string; readonly share: number }[]
  /** Turns whose reference was more than `limit` away from the median. */
  readonly driftedTurns: number
  readonly limit: number
  /** Too much for the figures to be trusted. */
  readonly noisy: boolean
}

/** What the figures were taken with: without it they mean nothing. */
export interface Provenance {
  readonly command: string
  readonly date: string
  readonly heterospec: string
  /** Of the working copy; null for an installed package. */
  readonly commit: string | null
  readonly node: string
  readonly ggml: string
  readonly cpuLibrary: string | null
  /** The set of native kernels, e.g. `avx2`, or why there are none. */
  readonly kernels: string
  readonly model: { readonly name: string; readonly file: string; readonly sha256: string; readonly bytes: number }
  /** Draft heads and draft models that took part. */
  readonly drafters: readonly { readonly file: string; readonly sha256: string }[]
  readonly machine: {
    readonly cpu: string
    readonly processors: number
    readonly memoryBytes: number
    readonly platform: string
  }
  readonly threads: number
  readonly context: number
}

/** What was asked for. */
export interface BenchOptions {
  readonly suite: { readonly file: string; readonly sha256: string; readonly questions: number }
  /** Questions per group; null for all. */
  readonly sample: number | null
  /** Of the sample and of sampled decoding. */
  readonly seed: number
  readonly maxTokens: number
  readonly temperature: number
  readonly baseline: string
  /** Budgets see real times and remember from question to question; counts then differ from run to run. */
  readonly live: boolean
  readonly synthetic: readonly number[] | null
}

/** Rounds of one side on one turn, with words instead of numbers where people look. */
export interface TreeSample {
  readonly side: string
  readonly id: number | string
  readonly round: RoundTrace
  /** Text of each node's token. */
  readonly texts: readonly string[]
  /** Text of each token that the round emitted: after the accepted path, the target's own. */
  readonly emittedTexts: readonly string[]
}

/** The result: the last line of standard output. */
export interface BenchDocument {
  readonly kind: 'heterospec-bench'
  readonly version: 1
  readonly provenance: Provenance
  readonly options: BenchOptions
  readonly noise: Noise
  /** t(rows, context) of the target as budgets saw it. */
  readonly costs: readonly CostRow[]
  readonly sides: readonly SideInfo[]
  /** Peers that were asked for and could not take part, each with a sentence. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  /** Questions that could not be asked, each with a sentence. */
  readonly leftOut: readonly { readonly id: number | string; readonly turn: number; readonly reason: string }[]
  /** Most resident memory of this process, and of each program that ran beside it. */
  readonly peakMemory: readonly { readonly program: string; readonly bytes: number }[]
  readonly summary: readonly Summary[]
  readonly turns: readonly Turn[]
  readonly samples: readonly TreeSample[]
}
