/** Bytes over a socket, so that clients can do what no HTTP library would. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** An answer as plain data. */
export interface Answered {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A connection to a server of this machine. */
export interface Wire extends Disposable {
  readonly socket: Socket
  /** All that came so far. */
  received(): string
  /** Resolves when nothing more comes. */
  readonly closed: Promise<void>
  /** Waits until the bytes that came satisfy `done`, or the end. */
  until(done: (text: string) => boolean): Promise<void>
}

/** Longest wait for anything, in milliseconds: past it something hangs. */
export const PATIENCE_MS = 120_000

/** Milliseconds since the start, asked for often: time in which this process was stopped (SIGSTOP) counts for little. */
export function stopwatch(): () => number {
  let last = performance.now()
  let waited = 0
  return () => {
    const now = performance.now()
    waited += Math.min(1000, now - last)
    last = now
    return waited
  }
}

/** Connects. Errors of the connection are a way to end here. */
export async function open(port: number): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const pieces: Buffer[] = []
  socket.on('error', () => undefined).on('data', (piece) => pieces.push(piece))
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve()).once('end', () => resolve())
  })
  await once(socket, 'connect')
  const received = (): string => Buffer.concat(pieces).toString('latin1')
  return {
    ...{ socket, received, closed },
    async until(done) {
      const waited = stopwatch()
      while (!done(received())) {
        const what = await Promise.race([closed.then(() => 'closed'), sleep(5).then(() => 'slept')])
        if (what === 'closed') return
        if (waited() > PATIENCE_MS) throw new Error(`nothing came for ${PATIENCE_MS} ms after: ${received()}`)
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The head and body of a request. */
export function request(path: string, body?: string, headers: Readonly<Record<string, string>> = {}): string {
  const all: Record<string, string> = {
    Host: '127.0.0.1',
    ...(body !== undefined && {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
    }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`
}

/** The first whole answer in `bytes` (latin1), and what follows it; undefined while it is not all there. */
export function firstAnswer(bytes: string): { readonly answer: Answered; readonly rest: string } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [line = '', ...fields] = bytes.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  const status = Number(line.split(' ')[1])
  const after = bytes.slice(end + 4)
  const answered = (text: string, rest: string) => ({
    answer: { status, headers, text: Buffer.from(text, 'latin1').toString('utf8') },
    rest,
  })
  if (headers['transfer-encoding'] === 'chunked') return unchunked(after, answered)
  const length = Number(headers['content-length'] ?? 0)
  return after.length < length ? undefined : answered(after.slice(0, length), after.slice(length))
}

/** A well-formed request over a connection of its own. Throws when no whole answer comes. */
export async function ask(port: number, path: string, body?: unknown): Promise<Answered> {
  using wire = await open(port)
  wire.socket.write(request(path, body === undefined ? undefined : JSON.stringify(body)))
  await wire.until((bytes) => firstAnswer(bytes) !== undefined)
  const found = firstAnswer(wire.received())
  if (found) return found.answer
  throw new Error(`expected an answer from ${path}, got ${wire.received().slice(0, 200) || 'nothing'}`)
}

// ---------------------------------------------------------------------------------------------------------------

function unchunked<Result>(bytes: string, done: (text: string, rest: string) => Result): Result | undefined {
  const pieces: string[] = []
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.slice(at, end), 16)
    if (bytes.length < end + 2 + size + 2) return undefined
    pieces.push(bytes.slice(end + 2, end + 2 + size))
    at = end + 2 + size + 2
    if (size === 0) return done(pieces.join(''), bytes.slice(at))
  }
}
