/** Contracts of drafters: where candidate tokens come from. */
import type { z } from 'zod'
import type { Budget, BudgetPolicy } from '../policy/index.ts'
import type { NodeId, Proposal, Ranked, RoundOutcome, Scores, TokenId, TokenTree } from '../tree/index.ts'
import type { DraftHead, HeadGuess, ModelSpec, PromptRow, TargetModel } from '../model/index.ts'

export interface DraftRound {
  /** All tokens so far; the last one is the root. A live view: do not keep it. */
  readonly tokens: readonly TokenId[]
  readonly budget: Budget
  readonly policy: BudgetPolicy
  readonly signal?: AbortSignal | undefined
}

/** What a drafter says may follow one node: likeliest first, with its probabilities. */
export type Guess = HeadGuess

/**
 * A drafter that says what may follow the nodes of a tree which somebody else grows: how a merged tree asks the sources
 * that draft level by level. A round begins with `begin`; the session's `observe` ends it.
 */
export interface LevelSource {
  /** Most levels, the first one included. */
  readonly maxDepth: number
  /** Most nodes asked about at once, and most children that it shall have of each. */
  readonly maxWidth: number
  /** Reads what it lacks of the text. False when it cannot draft here. Throws `aborted`. */
  begin(tokens: readonly TokenId[], signal?: AbortSignal): Promise<boolean>
  /** Is there room to ask about `count` further nodes in this round? */
  canRead(count: number): boolean
  /**
   * At least `count` guesses for each of `nodes`, as far as there are so many. None for a node that it cannot read: one
   * whose parent it was not asked about before. The root is asked about first, alone. Nodes keep their numbers in `tree`,
   * which is one and the same during a round.
   */
  guess(tree: TokenTree, nodes: readonly NodeId[], count: number): Promise<readonly Guess[]>
}

/** The state of one request's drafting. */
export interface DraftSession<P extends Proposal = Proposal> extends Disposable {
  /** Where the drafter grows by levels: lets another drafter grow the tree in the place of `propose`. */
  readonly levels?: LevelSource
  /**
   * A tree whose root is the last token; at most `budget.nodes` nodes after the policy's revision, and no deeper than
   * `budget.depth` (a revised depth ends the growth; what lies deeper already may stay). May be the bare root.
   */
  propose(round: DraftRound): Promise<P>
  /**
   * Where that costs next to nothing: what may follow the text of the last proposal and then `path` (not empty), likeliest first.
   */
  after?(path: readonly TokenId[]): readonly { readonly token: TokenId; readonly probability: number }[]
  /** The round is over. `scores` are those of the outcome's tree, every node; valid during the call. */
  observe(outcome: RoundOutcome, scores: Scores): void
}

/** Hears the features of a prompt's rows, before the session is opened that goes on with them. */
export interface PromptListener extends Disposable {
  /**
   * How many tokens of the prompt, from its beginning, it needs no features of: it heard them for an earlier request, or took over what
   * others heard. Asked once, before it hears the first ones; left out where nothing is lost by a gap.
   */
  known?(): number
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
