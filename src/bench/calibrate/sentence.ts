/** What a calibration found, in one sentence. */
import { createCostModel, type Calibration, type TokensCheck } from '../../policy/index.ts'

/** Rows of the sentence: about what a good tree has on a processor. */
const ROWS = 8

/** For people, e.g. "on this machine 8 rows cost 1.90 rows; your drafter is worth 2.70 tokens a round; expected speed-up 1.50x". */
export function calibrationSentence({ prices, check }: Calibration): string {
  const all = check.groups.at(-1)
  if (prices === null || !all?.rounds) {
    const tokens = all?.trees.real.toFixed(2) ?? '?'
    return `with whole trees your drafter is worth ${tokens} tokens a round; what that is worth in time depends on the machine`
  }
  const { real, speedup } = all.rounds
  const worth = `your drafter is worth ${real.toFixed(2)} tokens a round; expected speed-up ${speedup.toFixed(2)}x`
  const ratio = rowRatio(prices.target)
  return `on this machine ${ROWS} rows cost ${ratio.toFixed(2)} rows; ${worth}${speedup < 1.02 ? ', so that drafting does not pay here' : ''}`
}

/** Tokens foretold over real ones, less 1, e.g. `+1.2 %`; nothing without rounds. */
export function tokensError({ rounds, expected, real }: TokensCheck): string {
  if (rounds === 0) return ''
  const error = expected / real - 1
  return `${error < 0 ? '' : '+'}${(100 * error).toFixed(1)} %`
}

/** t(8) / t(1) where most of the measured passes lie. */
function rowRatio(target: NonNullable<Calibration['prices']>['target']): number {
  const cost = createCostModel(target)
  const context = Math.min(...target.map((sample) => sample.context))
  return cost.targetMs(ROWS, context) / cost.targetMs(1, context)
}
