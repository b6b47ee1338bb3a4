/** How fast a head learns when: a function of how far the run is, and of nothing else. */

export interface Schedule {
  readonly learningRate: number
  readonly decay: 'linear' | 'cosine'
  /** Share of the run in which the rate rises from nothing. */
  readonly warmUp: number
  /** Weight of the loss between streams at the beginning; 0 for none. */
  readonly stateLoss: number
}

/** The rate falls to this share of its peak. */
const FLOOR = 0.1
/** Share of the run after which the loss between streams is gone. */
const STATE_LOSS_END = 0.2

/** However short a run is, its first steps are small: moments that know one batch only point anywhere. */
const LEAST_WARM_STEPS = 20

/** Rate of the step after `step` steps at `progress` (0 to 1): up in a straight line, then down to a tenth. */
export function learningRateAt(schedule: Schedule, progress: number, step: number): number {
  return Math.min(1, (step + 1) / LEAST_WARM_STEPS) * plannedRate(schedule, progress)
}

/** Weight of the loss between the head's stream and the target's: it shows the way at first, then it would only disturb. */
export function stateLossAt({ stateLoss }: Schedule, progress: number): number {
  return stateLoss * Math.max(0, 1 - progress / STATE_LOSS_END)
}

// ---------------------------------------------------------------------------------------------------------------

function plannedRate({ learningRate, decay, warmUp }: Schedule, progress: number): number {
  // The very first step is a step, too.
  if (progress < warmUp) return learningRate * Math.max(0.01, progress / warmUp)
  const share = Math.min(1, (progress - warmUp) / (1 - warmUp))
  const fall = decay === 'linear' ? share : (1 - Math.cos(Math.PI * share)) / 2
  return learningRate * (1 - (1 - FLOOR) * fall)
}
