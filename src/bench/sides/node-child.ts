/**
 * A program in plain JavaScript that runs on a plain Node.js beside us and answers questions, one JSON object a line:
 *
 *     { id, ... } -> { id, ok: ... } or { id, error: "a sentence" }        { cancel: id } -> nothing
 *
 * It has to end when its standard input closes: that happens however we end, even by a signal that cannot be caught. It is
 * in a process group of its own, so that Ctrl-C in a terminal reaches us alone. Scripts are texts, because a text is found
 * the same way from sources and from the compiled package.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable, Writable } from 'node:stream'
import { childEnvironment, nodeProgram } from '../../util/env.ts'
import { UsageError, throwIfAborted } from '../../util/errors.ts'
import { joinSignals } from '../../util/signals.ts'

/** One running program. */
export class NodeChild implements AsyncDisposable {
  readonly #what: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<void>
  #errors = ''
  #asked = 0
  #how: string | undefined

  /** `what`: its name in sentences. */
  constructor(what: string, script: string) {
    this.#what = what
    // No flags of ours: neither loader nor type stripping has a part in what is measured.
    this.#child = spawn(nodeProgram(), ['--input-type=module', '--eval', script], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: childEnvironment({ NODE_OPTIONS: '' }),
    })
    this.#child.stdin.on('error', () => undefined) // its end tells more
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-TAIL_CHARACTERS)
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#receive(line))
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#finish(how)
        resolve()
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('close', (code, signal) => end(signal ?? `exit code ${code ?? 'unknown'}`))
    })
  }

  /** Undefined while it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The last words on its standard error, on one line. */
  get lastWords(): string {
    const lines = this.#errors.split('\n').map((line) => line.trim())
    return lines
      .filter((line) => line !== '')
      .slice(-TAIL_LINES)
      .join(' | ')
  }

  /** Throws `peer-failed` when it answers with an error or ends, `aborted` when the signal says so. */
  async ask(question: object, signal?: AbortSignal): Promise<unknown> {
    throwIfAborted(signal)
    if (this.#how !== undefined) throw this.#death()
    const id = this.#asked++
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#tell({ id, ...question })
    const onAbort = (): void => {
      this.#tell({ cancel: id })
      this.#settle(id, ({ reject }) =>
        reject(new UsageError('aborted', 'the work was stopped by its abort signal', { cause: signal?.reason })),
      )
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await answer
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Waits up to `ms` for its end. Throws `peer-failed` when it has ended, `aborted` when the signal says so. */
  async endWithin(ms: number, signal?: AbortSignal): Promise<void> {
    const over = new AbortController()
    using stop = joinSignals(signal ? [over.signal, signal] : [over.signal])
    await Promise.race([this.#ended, sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined)])
    over.abort()
    if (this.#how !== undefined) throw this.#death()
    throwIfAborted(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), FAREWELL_MS)
    await this.#ended
    clearTimeout(timer)
  }

  #tell(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  #receive(line: string): void {
    const message = parseAnswer(line)
    if (message === undefined)
      this.#errors += `${line}\n` // somebody else's print
    else if (message.error === undefined) this.#settle(message.id, ({ resolve }) => resolve(message.ok))
    else {
      const failure = new UsageError('peer-failed', `expected an answer from ${this.#what}, got: ${message.error}`)
      this.#settle(message.id, ({ reject }) => reject(failure))
    }
  }

  #settle(id: number, how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (waiting) how(waiting)
  }

  #finish(how: string): void {
    this.#how ??= how
    for (const id of [...this.#waiting.keys()]) this.#settle(id, ({ reject }) => reject(this.#death()))
  }

  #death(): UsageError {
    const words = this.lastWords === '' ? '' : `; its last words: ${this.lastWords}`
    return new UsageError('peer-failed', `expected ${this.#what} to run, it ended (${this.#how ?? ''})${words}`)
  }
}

// ---------------------------------------------------------------------------------------------------------------

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

const TAIL_CHARACTERS = 4000
const TAIL_LINES = 3
/** Longer than a server may take to end in good order (see `llama-server.ts`). */
const FAREWELL_MS = 10_000

function parseAnswer(
  line: string,
): { readonly id: number; readonly ok?: unknown; readonly error?: string } | undefined {
  try {
    const message = JSON.parse(line) as { id?: unknown } | null
    return typeof message?.id === 'number' ? (message as { id: number }) : undefined
  } catch {
    return undefined
  }
}
