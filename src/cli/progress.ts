/**
 * How far a long step is: a bar on a terminal, a line every few seconds in a log, nothing for what is done at once.
 * Always on stderr, because stdout belongs to the answer. The only importer of cli-progress, and only when a bar is due:
 * importing it costs 40 ms.
 */
import type { SingleBar } from 'cli-progress'
import type { PullProgress } from '../store/index.ts'
import { formatBytes, formatCount, formatDuration } from './format.ts'

export interface Progress {
  /** `total` is 0 while unknown. */
  update(done: number, total: number, pace?: Pace): void
  /** Prints a line of its own. */
  note(text: string): void
  /** Removes the bar. Further updates do nothing. */
  stop(): void
}

/** How fast a step is, where its own words say more than the share that is done. */
export interface Pace {
  /** For example `800 tokens/s`. */
  readonly rate: string
  /** Undefined while nobody knows. */
  readonly millisecondsLeft: number | undefined
}

/** Where progress goes, e.g. `process.stderr`. */
export type ProgressOutput = NodeJS.WritableStream & { readonly isTTY?: boolean }

export interface ProgressOptions {
  readonly output?: ProgressOutput
  /** Nothing is shown before this time has passed. */
  readonly delayMs?: number
  /** Time between two lines where the output is no terminal. */
  readonly lineMs?: number
}

/** What the numbers of a step are. */
export type ProgressUnit = keyof typeof formats

/** Progress of one step, e.g. `createProgress('loading', 'bytes')`. */
export function createProgress(label: string, unit: ProgressUnit, options: ProgressOptions = {}): Progress {
  const { output = process.stderr, delayMs = 300, lineMs = 3000 } = options
  const format = formats[unit]
  return output.isTTY ? barProgress(label, format, output, delayMs) : lineProgress(label, format, output, lineMs)
}

export interface PullReport {
  /** For `PullOptions.onProgress`. */
  readonly onProgress: (progress: PullProgress) => void
  /** Whether there was anything to report: not for a model that is already here. */
  readonly started: boolean
  stop(): void
}

/** Progress of a pull: a new bar for every file and phase, a note when another process is waited for. */
export function createPullReport(options: ProgressOptions = {}): PullReport {
  const { output = process.stderr } = options
  let current: { readonly step: string; readonly progress: Progress } | undefined
  return {
    onProgress({ phase, file, done, total }) {
      const step = `${phase} ${file}`
      if (current?.step !== step) {
        current?.progress.stop()
        current = { step, progress: createProgress(pullLabel(phase, file), 'bytes', options) }
        if (phase === 'wait') output.write(`another process is pulling ${file}; waiting for it\n`)
      }
      if (phase === 'download' || phase === 'verify') current.progress.update(done, total)
    },
    get started() {
      return current !== undefined
    },
    stop() {
      current?.progress.stop()
    },
  }
}

// ------------------------------------------------------------------------------------------------------------------

type Format = (value: number) => string

const formats = { bytes: formatBytes, count: formatCount, milliseconds: formatDuration } as const

function pullLabel(phase: PullProgress['phase'], file: string): string {
  return phase === 'verify' ? `checking ${file}` : `pulling ${file}`
}

function barProgress(label: string, format: Format, output: ProgressOutput, delayMs: number): Progress {
  const start = performance.now()
  let latest: { done: number; total: number; pace?: Pace | undefined } = { done: 0, total: 0 }
  let bar: SingleBar | undefined
  let requested = false
  let stopped = false
  const payload = (): object => {
    const rate = latest.pace ? ` | ${latest.pace.rate}` : ''
    return { label, amount: `${format(latest.done)} of ${format(latest.total)}${rate}` }
  }
  const show = async (): Promise<void> => {
    const { default: library } = await import('cli-progress')
    if (stopped) return
    const layout = '{label} [{bar}] {percentage}% | {amount} | {eta_formatted} left'
    const look = { format: layout, formatTime: formatSeconds, barsize: 24, clearOnComplete: true }
    bar = new library.SingleBar({ ...look, stream: output, gracefulExit: false }, library.Presets.legacy)
    bar.start(latest.total, latest.done, payload())
  }
  const clear = (): void => {
    bar?.stop()
    bar = undefined
    requested = false
  }
  return {
    update(done, total, pace) {
      if (stopped || total === 0) return
      latest = { done, total, pace }
      bar?.setTotal(total)
      bar?.update(done, payload())
      if (requested || performance.now() - start < delayMs) return
      requested = true
      // A bar that cannot be shown is no reason to stop the work.
      void show().catch(() => undefined)
    },
    note(text) {
      clear()
      output.write(`${text}\n`)
    },
    stop() {
      stopped = true
      clear()
    },
  }
}

/** cli-progress has words of its own (`INF`, `NULL`) for times that it does not know yet. */
function formatSeconds(seconds: unknown): string {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? formatDuration(1000 * seconds) : '?'
}

function lineProgress(label: string, format: Format, output: ProgressOutput, lineMs: number): Progress {
  let last = performance.now()
  let stopped = false
  return {
    update(done, total, pace) {
      if (stopped || performance.now() - last < lineMs) return
      last = performance.now()
      const share = total > 0 ? ` of ${format(total)} (${Math.floor((100 * done) / total)} %)` : ''
      const left = pace?.millisecondsLeft === undefined ? '' : `, ${formatDuration(pace.millisecondsLeft)} left`
      output.write(`${label}: ${format(done)}${share}${pace ? `, ${pace.rate}` : ''}${left}\n`)
    },
    note(text) {
      output.write(`${text}\n`)
    },
    stop() {
      stopped = true
    },
  }
}
