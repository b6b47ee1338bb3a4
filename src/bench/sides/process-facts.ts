/**
 * What Linux tells about other processes. Elsewhere nobody tells, and nothing is reported.
 */
import { readFileSync } from 'node:fs'
import { processorMs } from '../../util/env.ts'

/** Most resident memory that a process has held; undefined where nobody tells. */
export function peakBytesOf(pid: number): number | undefined {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readProcess(pid, 'status'))?.[1]
  return kibibytes === undefined ? undefined : 1024 * Number(kibibytes)
}

/** Share of one processor that a program took while others were at work. */
export interface IdleShare {
  readonly program: string
  readonly share: number
}

/**
 * Watches two programs that take turns, ours and another: a process that burns processor time while the other is measured
 * spoils its figures.
 */
export class IdleMeter {
  readonly #pid: number
  #idleSince = NaN
  #cpuThen = NaN
  readonly #theirs = { ms: 0, cpuMs: 0 }
  readonly #ours = { ms: 0, cpuMs: 0 }

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Share of one processor that the other took while it had nothing to do; undefined while nobody knows. */
  get theirs(): number | undefined {
    return share(this.#theirs)
  }

  /** Share that we took while the other worked. */
  get ours(): number | undefined {
    return share(this.#ours)
  }

  /** Lets the other work. */
  async during<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const idle = { ms: performance.now() - this.#idleSince, cpuMs: cpuMsOf(this.#pid) - this.#cpuThen }
    if (Number.isFinite(idle.ms + idle.cpuMs)) add(this.#theirs, idle)
    const [started, ourCpu] = [performance.now(), processorMs()]
    try {
      return await work()
    } finally {
      add(this.#ours, { ms: performance.now() - started, cpuMs: processorMs() - ourCpu })
      this.#idleSince = performance.now()
      this.#cpuThen = cpuMsOf(this.#pid)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Ticks of the clock in /proc: 100 a second, whatever the kernel's own. */
const TICK_MS = 10

interface Times {
  ms: number
  cpuMs: number
}

function add(sum: Times, { ms, cpuMs }: Times): void {
  sum.ms += ms
  sum.cpuMs += cpuMs
}

function share({ ms, cpuMs }: Times): number | undefined {
  return ms > 0 ? cpuMs / ms : undefined
}

function cpuMsOf(pid: number): number {
  // The name in brackets may hold anything; user and system time are the 12th and 13th field after it.
  const fields = readProcess(pid, 'stat').split(') ').at(-1)?.split(' ') ?? []
  return TICK_MS * (Number(fields[11]) + Number(fields[12]))
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
