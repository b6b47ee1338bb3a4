/**
 * Whether those who share passes draft at all. Side by side, everybody waits for the drafts of all, and rows are
 * dearer: what pays alone may cost the batch more than it brings, by time that no price list knows (memory, learning, new graphs).
 * So it is measured from the end of one pass to the end of the next, with drafts and without: the tokens that drafts added
 * against the time that they added. Where they do not pay nobody drafts, but for trials at growing intervals.
 *
 * Each size of the batch is judged for itself: when the load falls, what it forbade does not count any more. After SmartSpec
 * (arXiv 2406.14066), whose speculation ends under load; there a model of the batch decides, here the clock.
 */

/** A pass and what came before it, from the end of the last one. */
export interface Cycle {
  /** Sequences in the pass, all of them decoding. */
  readonly requests: number
  /** Mean tokens in the cache of each. */
  readonly context: number
  /** What a plain pass of so many at so much context is said to take, as the list stands now. */
  readonly listMs: (requests: number, context: number) => number
  /** What the cycle took. */
  readonly ms: number
  /** Somebody drafted, or tried to. */
  readonly drafted: boolean
  /** Draft tokens that came true. */
  readonly accepted: number
}

/** Cycles of a trial. */
const TRIAL = 4
/** Cycles in which drafters that are new show what they can. */
const FIRST_TRIAL = 12
/** A trial ends early when it has cost so many plain cycles. */
const DEAREST = 1.5
/** Part of the time that trials may cost. */
const SHARE = 0.004
/** Cycles from one trial to the next at least, and at most: texts change. */
const SOONEST = 16
const LATEST = 1024
/** What a trial must bring, in plain cycles per cycle, for drafting to go on, and what it must bring then: less may be chance. */
const BEGIN = 0.2
const GO_ON = 0.1
/** Cycles that the mean gain remembers while drafting goes on, and those that the usual gain does, over all trials. */
const MEMORY = 16
const LONG_MEMORY = 64
/** While drafting goes on, a plain cycle is timed every so often. */
const PLAIN_EVERY = 48
/** Plain cycles that the mean of their times remembers. */
const PLAIN_MEMORY = 8
/** Plain cycles before the first trial. */
const LEAST_TIMED = 3
/** No cycle counts for more than so many plain ones: somebody else had the processor. */
const SLOWEST = 3

/** What is known of one size of batch. */
interface Load {
  /** Plain cycles that were timed, and means over the latest of them. */
  timed: number
  ms: number
  requests: number
  context: number
  drafting: boolean
  /** Cycles of the trial that are left; 0 outside of one. */
  trial: number
  /** There was a trial. */
  tried: boolean
  /** Mean gain of drafted cycles in plain ones since the trial began, and how many are in it. */
  gain: number
  judged: number
  /** The same for all drafted cycles so far. */
  usual: number
  drafted: number
  /** Cycles from the last trial to the next. */
  interval: number
  /** Cycles until the next trial, or until a plain cycle is timed. */
  wait: number
}

/** Judges by cycles; knows neither trees nor prices. */
export class LoadGate {
  readonly #loads = new Map<number, Load>()
  #afterDraft = false
  #open = true

  /** May those draft who share the next pass? As it was last decided: all of them get the same answer. */
  get open(): boolean {
    return this.#open
  }

  /** Would so many rest, by what is known of batches of that size? For the few passes of a trial nobody prepares. */
  rests(requests: number): boolean {
    const load = requests > 1 ? this.#loads.get(sizeOf(requests)) : undefined
    return load?.tried === true && (load.trial > 0 || !load.drafting)
  }

  /** Before the first of them begins: so many will share the pass. One alone is not judged here. */
  decide(requests: number): void {
    const load = this.#of(requests)
    const known = load.timed >= LEAST_TIMED
    this.#open = requests < 2 || (known && load.drafting && (load.trial > 0 || load.wait > 0))
  }

  /** A cycle of decoding sequences ended. */
  observe(cycle: Cycle): void {
    const { requests, ms, drafted, accepted } = cycle
    const afterDraft = this.#afterDraft
    this.#afterDraft = drafted
    if (requests < 2) return
    const load = this.#of(requests)
    if (drafted) {
      if (load.drafting) judge(load, accepted / requests, ms / plainMs(load, cycle))
      return
    }
    // What follows a draft still works for it.
    const timed = !afterDraft
    if (timed) time(load, cycle)
    if (!load.drafting && --load.wait <= 0) begin(load)
    // It has paid for long: should it end, that is news.
    else if (load.drafting && load.trial === 0 && timed) Object.assign(load, { wait: PLAIN_EVERY, interval: SOONEST })
  }

  #of(requests: number): Load {
    const size = sizeOf(requests)
    let load = this.#loads.get(size)
    if (load === undefined) {
      // Drafters that are known already are quickly judged.
      load = { ...NEW, trial: this.#loads.size === 0 ? FIRST_TRIAL : TRIAL }
      this.#loads.set(size, load)
    }
    return load
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Batches of 2, 3 to 4, 5 to 8, ... */
function sizeOf(requests: number): number {
  return Math.ceil(Math.log2(requests))
}

const NEW: Load = {
  ...{ timed: 0, ms: 0, requests: 0, context: 0, drafting: true, trial: TRIAL, tried: false, gain: 0 },
  ...{ judged: 0, usual: 0, drafted: 0, interval: SOONEST, wait: 0 },
}

function time(load: Load, cycle: Cycle): void {
  const ms = load.timed === 0 ? cycle.ms : Math.min(cycle.ms, SLOWEST * load.ms)
  load.timed++
  const share = 1 / Math.min(load.timed, PLAIN_MEMORY)
  load.ms += share * (ms - load.ms)
  load.requests += share * (cycle.requests - load.requests)
  load.context += share * (cycle.context - load.context)
}

/**
 * What the cycle would have taken without drafts: what such cycles took, and of the list only what it says about more text and more
 * sequences. It learns from every pass, wide ones too, and must not move what they are compared with.
 */
function plainMs(load: Load, { requests, context, listMs }: Cycle): number {
  return (load.ms * listMs(requests, context)) / listMs(load.requests, load.context)
}

function begin(load: Load): void {
  Object.assign(load, { drafting: true, trial: TRIAL, gain: 0, judged: 0 })
}

/** A drafted cycle brought `accepted` tokens per sequence beside the target's own, and took `cycles` plain ones. */
function judge(load: Load, accepted: number, cycles: number): void {
  const gain = accepted - (Math.min(cycles, SLOWEST) - 1)
  load.gain += (gain - load.gain) / Math.min(++load.judged, MEMORY)
  load.usual += (gain - load.usual) / Math.min(++load.drafted, LONG_MEMORY)
  if (load.trial > 0) {
    const lost = -load.gain * load.judged
    if (--load.trial > 0 && lost < DEAREST) return
    Object.assign(load, { trial: 0, tried: true })
    if (load.gain > BEGIN) load.wait = PLAIN_EVERY
    else rest(load)
  } else if (load.gain < GO_ON) rest(load)
  else load.wait--
}

/**
 * Nobody drafts until the next trial, which comes the later the dearer drafting usually is: what ends after a lucky trial has just lost
 * less than that.
 */
function rest(load: Load): void {
  const dearest = Math.ceil((TRIAL * Math.max(0, GO_ON - load.usual)) / SHARE)
  load.drafting = false
  load.interval = Math.max(SOONEST, Math.min(2 * load.interval, dearest, LATEST))
  load.wait = load.interval
}
