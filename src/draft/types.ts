/** Contracts of drafters: where candidate tokens come from. */
import type { z } from 'zod'
import type { Budget, BudgetPolicy } from '../policy/index.ts'
import type { Proposal, Ranked, RoundOutcome, Scores, TokenId } from '../tree/index.ts'
import type { ModelSpec, PromptRow, TargetModel } from '../model/index.ts'

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

/** Shared weights or tables of a drafting method; sessions are private. */
export interface Drafter<P extends Proposal = Proposal> extends AsyncDisposable {
  readonly method: string
  /** Names of the sources that node `sources` point into, at least one. */
  readonly sources: readonly string[]
  readonly needs: {
    /** Tapped hidden states of the target. */
    readonly features: boolean
  }
  /** Prompt positions whose logits this drafter would like to see while the prompt is read. */
  wantsPromptRow?(tokens: readonly TokenId[], index: number): boolean
  observePrompt?(rows: readonly PromptRow[]): void
  /** `prompt` is the whole text so far, including the first token that the target emitted. */
  open(prompt: readonly TokenId[]): DraftSession<P>
}

/** What a method may use when it is created. */
export interface DraftParts {
  readonly target: ModelSpec
  /** Tells whether another model's vocabulary equals the target's; the reason when not. */
  readonly loadDraftModel: (path: string) => Promise<TargetModel>
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
