/** What `heterospec head train` says while it works and at its end. */
import { describeFit, type HeadRunParts, type HeadRunSummary } from '../train/index.ts'
import { formatCount, formatDuration } from './format.ts'
import { createProgress, type Progress } from './progress.ts'

/** Listeners for `trainHead`, and the end of what they draw. */
export interface TrainReport {
  readonly listeners: Pick<HeadRunParts, 'onStart' | 'onFeatures' | 'onBatches' | 'onEvent'>
  stop(): void
}

/** Progress on stderr: features as a bar, training as a bar with a line per evaluation. */
export function trainReport(quiet: boolean, out: string): TrainReport {
  if (quiet) return { listeners: {}, stop: () => undefined }
  let bar: Progress | undefined
  const next = (label: string, unit: 'count' | 'milliseconds'): Progress => {
    bar?.stop()
    return (bar = createProgress(label, unit))
  }
  let features: Progress | undefined
  let training: Progress | undefined
  const say = (text: string): void => {
    if (bar) bar.note(text)
    else console.error(text)
  }
  return {
    listeners: {
      onStart: (run, begun) => {
        const { start, texts, heldOutTexts, answerTokens, coverage } = run
        say(
          `${run.targetName}: ${texts} texts, ${heldOutTexts} of them held out, ${formatCount(answerTokens)} tokens of answers; ${start.draftIds.length} draft tokens cover ${percent(coverage)} of held-out answers`,
        )
        if (begun) say(`going on after step ${begun.step} of ${out}`)
      },
      onFeatures: (done, total) => {
        features ??= next('features', 'count')
        features.update(done, total)
      },
      onBatches: ({ lessons, cachedShare }) => {
        const rest = cachedShare < 1 ? `; ${percent(1 - cachedShare)} of features are computed anew every epoch` : ''
        say(`${formatCount(lessons)} lessons in an epoch${rest}`)
      },
      onEvent: (event) => {
        if (event.kind === 'evaluated') say(evaluation(event.point, event.isBest))
        if (event.kind !== 'step') return
        training ??= next('training', 'milliseconds')
        const { position, leftMs, loss, agreement, rowsPerSecond } = event
        training.update(position.elapsedMs, position.elapsedMs + leftMs, {
          rate: `epoch ${position.epoch + 1}, loss ${loss.toFixed(2)}, agreement ${percent(agreement)}, ${formatCount(Math.round(rowsPerSecond))} rows/s`,
          millisecondsLeft: leftMs,
        })
      },
    },
    stop: () => bar?.stop(),
  }
}

/** The end of a run in a few lines. */
export function describeSummary({ run, position, fit }: HeadRunSummary, out: string): string {
  const best = position.curve[position.best]
  const ending = position.finished === 'early' ? ', ended early because nothing got better' : ''
  const agreements = best?.heldOut.map(({ agreement }) => percent(agreement)).join(', ') ?? 'none'
  const reached = `agreement by depth on held-out text ${agreements}: ${best?.tau.toFixed(2) ?? '?'} tokens per pass as a chain of ${best?.heldOut.length ?? 0}`
  return [
    describeFit(fit),
    `${out}: a head for ${run.targetName}, ${formatCount(position.tokens)} answer tokens in ${formatDuration(position.elapsedMs)}${ending}; ${reached}. Use it with --draft-head.`,
  ].join('\n')
}

/** The same for programs. */
export function summaryDocument({ run, position, fit, cachedShare }: HeadRunSummary, out: string): object {
  const { curve, best, finished, step, epoch, tokens, elapsedMs } = position
  const { draftIds, taps } = run.start
  return {
    ...{
      out,
      target: run.targetName,
      texts: run.texts,
      heldOutTexts: run.heldOutTexts,
      answerTokens: run.answerTokens,
    },
    ...{ draftVocab: draftIds.length, taps, coverage: run.coverage, cachedShare },
    ...{ finished, step, epoch, tokens, elapsedMs, best: curve[best], curve, fit: fit ?? null },
  }
}

// ---------------------------------------------------------------------------------------------------------------

function evaluation(point: HeadRunSummary['position']['curve'][number], isBest: boolean): string {
  const scores = point.heldOut.map(({ agreement }) => percent(agreement)).join(' ')
  const training = point.trainingAgreement === null ? '' : `, in training ${percent(point.trainingAgreement)}`
  return `step ${point.step}, epoch ${point.epoch.toFixed(2)}: held-out loss ${point.heldOut[0]?.loss.toFixed(3) ?? '?'}, agreement by depth ${scores}${training}${isBest && point.step > 0 ? ' (best so far, written)' : ''}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
