/**
 * Ctrl-C and a closed output as one abort signal. The first stops the work (the command then prints what it has),
 * a second Ctrl-C ends the process at once. Does not print: `main.ts` and the commands do.
 */

import { throwIfAborted } from '../util/errors.ts'

/** Why the work was stopped, and what the process answers for it. */
export class Interruption extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.name = 'Interruption'
    this.exitCode = exitCode
  }
}

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
  /** Undefined while nobody has interrupted. */
  readonly reason: Interruption | undefined
}

/** The exit code of a program that Ctrl-C ended: 128 + SIGINT. */
export const INTERRUPTED = 130

/** The exit code of a program that was told to end: 128 + SIGTERM. */
const TERMINATED = 143

/** Listens until disposed; with `terminate` also to SIGTERM, for work that has something to save. */
export function listenForInterrupt({ terminate = false }: { readonly terminate?: boolean } = {}): Interrupt {
  const controller = new AbortController()
  let reason: Interruption | undefined
  const stop = (why: Interruption): void => {
    reason ??= why
    controller.abort(reason)
  }
  const onSignal = (): void => {
    if (reason) process.exit(INTERRUPTED)
    stop(new Interruption('interrupted', INTERRUPTED))
  }
  const onTerminate = (): void => stop(new Interruption('terminated', TERMINATED))
  // The reader went away (`| head -1`): it has what it wanted, which is no failure of ours.
  const onOutputError = (): void => stop(new Interruption('the output was closed', 0))
  process.on('SIGINT', onSignal)
  if (terminate) process.on('SIGTERM', onTerminate)
  process.stdout.on('error', onOutputError)
  return {
    signal: controller.signal,
    get reason() {
      return reason
    },
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onTerminate)
      process.stdout.off('error', onOutputError)
    },
  }
}

/** What `open` opens. Where the signal came after the last look at it, it is closed again and `aborted` is thrown. */
export async function openUnlessAborted<Opened extends AsyncDisposable>(
  signal: AbortSignal,
  open: () => Promise<Opened>,
): Promise<Opened> {
  const opened = await open()
  if (signal.aborted) await opened[Symbol.asyncDispose]()
  throwIfAborted(signal)
  return opened
}

/** The interruption behind an error, if that is what it comes from. */
export function interruptionOf(error: unknown): Interruption | undefined {
  let cause = error
  while (cause instanceof Error) {
    if (cause instanceof Interruption) return cause
    cause = cause.cause
  }
  return undefined
}
