/**
 * What more data would bring: held-out scores at growing numbers of tokens, fitted by a straight line over the logarithm
 * and by a power law (the form of Scylla, arXiv 2505.07858, section 3). Three points always fit a line, so the
 * uncertainty is told with the number.
 */

/** A score after so many tokens. */
export interface LearningPoint {
  readonly tokens: number
  /** Mean tokens per pass, more than 1. */
  readonly tau: number
}

/** A number and where 95 of 100 such predictions would lie if the form of the curve were right. */
export interface Prediction {
  readonly tokens: number
  readonly tau: number
  readonly low: number
  readonly high: number
  /** The same by the power law; between the two lies what the form of the curve does. */
  readonly byPowerLaw: number
}

export interface CurveFit {
  /** tau = intercept + slope * log10(tokens) */
  readonly intercept: number
  readonly slope: number
  /** 95 % either side of the slope. */
  readonly slopeError: number
  /** tau - 1 = factor * tokens^exponent */
  readonly factor: number
  readonly exponent: number
  readonly points: number
  readonly predictions: readonly Prediction[]
}

/** Undefined for fewer than three different numbers of tokens: a line would only repeat them. */
export function fitCurve(
  points: readonly LearningPoint[],
  multiples: readonly number[] = [2, 10],
): CurveFit | undefined {
  const usable = points.filter(({ tokens, tau }) => tokens > 0 && tau > 1)
  if (new Set(usable.map(({ tokens }) => tokens)).size < 3) return undefined
  const columns = usable.map(({ tokens }) => Math.log10(tokens))
  const line = fitLine(
    columns,
    usable.map(({ tau }) => tau),
  )
  const power = fitLine(
    columns,
    usable.map(({ tau }) => Math.log10(tau - 1)),
  )
  const most = Math.max(...usable.map(({ tokens }) => tokens))
  return {
    intercept: line.intercept,
    slope: line.slope,
    slopeError: line.quantile * line.slopeDeviation,
    factor: 10 ** power.intercept,
    exponent: power.slope,
    points: usable.length,
    predictions: multiples.map((multiple) => {
      const tokens = multiple * most
      const x = Math.log10(tokens)
      const tau = line.intercept + line.slope * x
      const error = line.quantile * line.deviationAt(x)
      return {
        tokens,
        tau,
        low: tau - error,
        high: tau + error,
        byPowerLaw: 1 + 10 ** (power.intercept + power.slope * x),
      }
    }),
  }
}

/** The fit in sentences; `subject` names the score. */
export function describeFit(fit: CurveFit | undefined, subject = 'tokens per pass of a chain'): string {
  if (!fit) return 'Too few held-out scores for a learning curve; it needs three within the first epoch.'
  const sentences = fit.predictions.map(({ tokens, tau, low, high, byPowerLaw }) => {
    const [least, greatest] = [Math.max(1, low), Math.max(1, high)]
    return `With ${shorten(tokens)} answer tokens: ${tau.toFixed(2)} (${least.toFixed(2)} to ${greatest.toFixed(2)}; a power law says ${byPowerLaw.toFixed(2)}).`
  })
  const clear = fit.slope - fit.slopeError > 0
  return [
    `Learning curve of the first epoch, ${subject}: ${signed(fit.slope)} (± ${fit.slopeError.toFixed(2)}) with every ten times the tokens, from ${fit.points} points.`,
    ...sentences,
    clear
      ? 'The ranges hold 95 % if the curve goes on as it began; the learning rate changed along it, and further epochs over the same text are not in it.'
      : 'The slope is not clear of nought: these points do not say whether more data would help.',
  ].join('\n')
}

// ---------------------------------------------------------------------------------------------------------------

interface Line {
  readonly intercept: number
  readonly slope: number
  readonly slopeDeviation: number
  /** Standard deviation of a new value at x. */
  readonly deviationAt: (x: number) => number
  readonly quantile: number
}

/** Least squares. */
function fitLine(xs: readonly number[], ys: readonly number[]): Line {
  const count = xs.length
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / count
  const [meanX, meanY] = [mean(xs), mean(ys)]
  const spread = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
  const slope = xs.reduce((sum, x, index) => sum + (x - meanX) * ((ys[index] as number) - meanY), 0) / spread
  const intercept = meanY - slope * meanX
  const rest = xs.reduce((sum, x, index) => sum + ((ys[index] as number) - intercept - slope * x) ** 2, 0)
  const variance = rest / Math.max(1, count - 2)
  return {
    intercept,
    slope,
    slopeDeviation: Math.sqrt(variance / spread),
    deviationAt: (x) => Math.sqrt(variance * (1 + 1 / count + (x - meanX) ** 2 / spread)),
    quantile: studentQuantile(count - 2),
  }
}

/** 97.5 % quantile of Student's t: exact for the smallest degrees of freedom, where it matters; else within 1 %. */
function studentQuantile(degrees: number): number {
  const small = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
  return small[degrees - 1] ?? 1.96 + 2.4 / degrees + 3 / degrees ** 2
}

function shorten(tokens: number): string {
  return tokens >= 1e6 ? `${(tokens / 1e6).toPrecision(2)} million` : Math.round(tokens).toLocaleString('en-US')
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`
}
