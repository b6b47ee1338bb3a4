/** What `heterospec calibrate` found out about one drafter on one target: the contract of its file. Plain JSON. */
import type { DraftPrice } from './priced.ts'
import type { CostSample, PolicyMemory } from './types.ts'

/** What a calibration holds for. */
export interface CalibrationIdentity {
  readonly model: { readonly name: string; readonly fingerprint: string }
  /** The drafter's options with every default filled in, its files left out. */
  readonly drafter: Readonly<Record<string, unknown>> & { readonly method: string }
  /** The files it reads, by contents. */
  readonly files: readonly DraftFile[]
}

/** One file of a drafter: a draft model or a head. */
export interface DraftFile {
  /** The method that reads it. */
  readonly method: string
  readonly name: string
  readonly fingerprint: string
}

/** The trees that were judged, counted as EAGLE counts: what entropy bins hold for. */
export interface CalibrationTree {
  readonly topK: number
  readonly depth: number
  readonly totalTokens: number
}

/** Where it comes from. No date: the same work gives the same file. */
export interface CalibrationProvenance {
  /** Name and version of the program that made it. */
  readonly program: string
  /** Name of the prompts, and what identifies them. */
  readonly prompts: string
  readonly promptsSha256: string
  /** Answers that were learned from, and their places: as many trees were drafted and judged. */
  readonly answers: number
  readonly places: number
  readonly maxTokens: number
}

/** What passes and drafts took on the machine of the calibration. */
export interface CalibrationPrices {
  /** As `CostIdentity` of the engine, and the processor. */
  readonly machine: {
    readonly cpu: string
    readonly library: string
    readonly threads: number
    readonly kvType: string
  }
  readonly target: readonly CostSample[]
  readonly draft: DraftPrice
}

/** Nodes whose chance was foretold to lie in [from, to), and how many of them came true. */
export interface ReliabilityClass {
  readonly from: number
  readonly to: number
  readonly nodes: number
  /** Mean of the chances foretold, and the share that came true; null without nodes. */
  readonly foretold: number | null
  readonly accepted: number | null
}

/** Foretold chances of single nodes, given their parents, against what came true. */
export interface Reliability {
  readonly classes: readonly ReliabilityClass[]
  /** Mean distance of the foretold chance from the share that came true, over nodes; null without nodes. */
  readonly error: number | null
}

/** Tokens per round, foretold and real, over held-out answers. */
export interface TokensCheck {
  readonly rounds: number
  readonly expected: number
  readonly real: number
}

/** One group of prompts, or all (`overall`). */
export interface GroupCheck {
  readonly group: string
  readonly answers: number
  /** A round from every place, with trees as large as were drafted, whatever they cost. */
  readonly trees: TokensCheck
  /** The rounds of `heterospec-cost` at the prices of this machine, and its speed-up on a virtual clock; null without prices. */
  readonly rounds: (TokensCheck & { readonly speedup: number }) | null
}

/** The calibration held against answers that it has not learned from. */
export interface CalibrationCheck {
  readonly answers: number
  readonly places: number
  readonly calibrated: Reliability
  /** The drafter's own estimates. */
  readonly own: Reliability
  /** `overall` last. */
  readonly groups: readonly GroupCheck[]
}

/** The file of `heterospec calibrate`. */
export interface Calibration {
  readonly kind: 'heterospec-calibration'
  readonly version: 1
  readonly identity: CalibrationIdentity
  readonly tree: CalibrationTree
  readonly provenance: CalibrationProvenance
  /** What policies start from. */
  readonly memory: PolicyMemory
  /** Null in files that travel. */
  readonly prices: CalibrationPrices | null
  readonly check: CalibrationCheck
}
