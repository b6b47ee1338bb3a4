/** Contracts of drafters: where candidate tokens come from. */
import type { z } from 'zod'
import type { Budget, BudgetPolicy } from '../policy/index.ts'
import type { Proposal, Ranked, RoundOutcome, Scores, TokenId } from '../tree/index.ts'
import type { DraftHead, ModelSpec, PromptRow, TargetModel } from '../model/index.ts'

export interface DraftRound {
  /** All tokens so far; the last one is the root. A live view: do not keep it. */
  readonly tokens: readonly TokenId[]
  readonly budget: Budget
  readonly policy: BudgetPolicy
  readonly signal?: AbortSignal | undefined
}

/** The state of one request's drafting. */
export interface DraftSession<P extends Proposal = Proposal> extends Disposable {
  /**
   * A tree whose root is the last token; at most `budget.nodes` nodes and `budget.depth` levels after the policy's revision.
   * May be the bare root.
   */
  propose(round: DraftRound): Promise<P>
  /** The round is over. `scores` are those of the outcome's tree, every node; valid during the call. */
  observe(outcome: RoundOutcome, scores: Scores): void
}

/** Hears the features of a prompt's rows, before the session is opened that goes on with them. */
export interface PromptListener extends Disposable {
  /**
   * Features of the tokens from index `first` on, one row per token; chunks come in order. Rows at the beginning that were
   * read for an earlier request never come.
   */
  hear(first: number, rows: readonly Float32Array[]): Promise<void>
}

/** Shared weights or tables of a drafting method; sessions are private. */
export interface Drafter<P extends Proposal = Proposal> extends AsyncDisposable {
  readonly method: string
  /** Names of the sources that node `sources` point into, at least one. */
  readonly sources: readonly string[]
  readonly needs: {
    /** Tapped hidden states of the target. */
    readonly features: boolean
    /** Layers that the target's sequence shall tap (`Sequence.tap`) where features are needed. */
    readonly taps?: readonly number[]
  }
  /** Prompt positions whose logits this drafter would like to see while the prompt is read. */
  wantsPromptRow?(tokens: readonly TokenId[], index: number): boolean
  observePrompt?(rows: readonly PromptRow[]): void
  /** For drafters that need features: takes those of the prompt while it is read. */
  listen?(prompt: readonly TokenId[]): PromptListener
  /**
   * `prompt` is the whole text so far, including the first token that the target emitted; `heard` is what listened to it,
   * which the session takes over.
   */
  open(prompt: readonly TokenId[], heard?: PromptListener): DraftSession<P>
  /** Forgets what requests so far have taught it, as if it were new. For experiments; not while a session is open. */
  forget?(): void
}

/** What a method may use when it is created. */
export interface DraftParts {
  readonly target: ModelSpec
  /** Tells whether another model's vocabulary equals the target's; the reason when not. */
  readonly loadDraftModel: (path: string) => Promise<TargetModel>
  /** A draft head that was made for the target; throws the reason when it was not. */
  readonly loadDraftHead: (path: string) => Promise<DraftHead>
  /** Creates another method by name, for `combined`. */
  readonly create: (options: { readonly method: string }) => Promise<Drafter<Ranked>>
}

/** One file of `draft/methods`: options, paper, constructor. */
export interface DrafterModule<S extends z.ZodType = z.ZodType> {
  /** One sentence for `--help` and the options page. */
  readonly summary: string
  readonly paper: { readonly title: string; readonly arxiv: string; readonly parts: string } | undefined
  readonly options: S
  create(options: z.infer<S>, parts: DraftParts): Promise<Drafter>
}
