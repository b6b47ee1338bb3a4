/** How far one program's next-token distributions are from another's, row by row on the same text. */
import { assert, defined } from '../src/util/assert.ts'
import { argMax } from '../src/util/math.ts'

export interface DivergenceSummary {
  readonly rows: number
  readonly referencePerplexity: number
  readonly perplexity: number
  /** Of the perplexities, and its standard error over rows. */
  readonly differencePercent: number
  readonly differenceError: number
  /** Rows whose likeliest token is the same. */
  readonly topAgreement: number
  /** Kullback-Leibler divergence from the reference, nats. */
  readonly meanKl: number
  readonly kl999: number
  readonly maxKl: number
  readonly maxLogitDifference: number
}

export class Divergence {
  readonly #divergences: number[] = []
  #agreed = 0
  #referenceLoss = 0
  #loss = 0
  #squaredDifference = 0
  #maxLogitDifference = 0

  /** One row: two sets of logits for the same place, and the token that came there. */
  add(reference: Float32Array, other: Float32Array, next: number): void {
    assert(reference.length === other.length, `rows of ${reference.length} and ${other.length} logits`)
    const top = argMax(reference)
    const otherTop = argMax(other)
    const shift = defined(reference[top])
    const otherShift = defined(other[otherTop])
    let sum = 0
    let otherSum = 0
    let weighted = 0
    for (let token = 0; token < reference.length; token++) {
      const logit = reference[token] as number
      const otherLogit = other[token] as number
      const weight = Math.exp(logit - shift)
      sum += weight
      otherSum += Math.exp(otherLogit - otherShift)
      weighted += weight * (logit - otherLogit)
      const difference = Math.abs(logit - otherLogit)
      if (difference > this.#maxLogitDifference) this.#maxLogitDifference = difference
    }
    const normaliser = shift + Math.log(sum)
    const otherNormaliser = otherShift + Math.log(otherSum)
    const loss = normaliser - defined(reference[next])
    const otherLoss = otherNormaliser - defined(other[next])
    // Rounding may take an equal pair below zero.
    this.#divergences.push(Math.max(0, weighted / sum - normaliser + otherNormaliser))
    this.#agreed += top === otherTop ? 1 : 0
    this.#referenceLoss += loss
    this.#loss += otherLoss
    this.#squaredDifference += (otherLoss - loss) ** 2
  }

  summary(): DivergenceSummary {
    const rows = this.#divergences.length
    assert(rows > 0, 'a comparison of no rows')
    const sorted = [...this.#divergences].sort((a, b) => a - b)
    const meanDifference = (this.#loss - this.#referenceLoss) / rows
    const variance = this.#squaredDifference / rows - meanDifference ** 2
    return {
      rows,
      referencePerplexity: Math.exp(this.#referenceLoss / rows),
      perplexity: Math.exp(this.#loss / rows),
      differencePercent: 100 * Math.expm1(meanDifference),
      differenceError: 100 * Math.sqrt(Math.max(0, variance) / rows),
      topAgreement: this.#agreed / rows,
      meanKl: sorted.reduce((total, value) => total + value, 0) / rows,
      kl999: defined(sorted[Math.min(rows - 1, Math.floor(0.999 * rows))]),
      maxKl: defined(sorted.at(-1)),
      maxLogitDifference: this.#maxLogitDifference,
    }
  }
}

export const divergenceHead = [
  '| compared | rows | perplexity of the first | of the second | difference, % (standard error) | same top token, % | mean KL | 99.9 % of KL below | largest logit difference |',
  '| -------- | ---- | ----------------------- | ------------- | ------------------------------ | ----------------- | ------- | ------------------ | ------------------------ |',
].join('\n')

export function divergenceRow(name: string, summary: DivergenceSummary): string {
  const sign = summary.differencePercent < 0 ? '' : '+'
  return `| ${[
    name,
    summary.rows,
    summary.referencePerplexity.toFixed(4),
    summary.perplexity.toFixed(4),
    `${sign}${summary.differencePercent.toFixed(4)} (${summary.differenceError.toFixed(4)})`,
    (100 * summary.topAgreement).toFixed(2),
    summary.meanKl.toExponential(1),
    summary.kl999.toExponential(1),
    summary.maxLogitDifference.toPrecision(2),
  ].join(' | ')} |`
}
