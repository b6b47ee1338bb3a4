/** The port: Node's HTTP server around an application, and its graceful end. */
import { once } from 'node:events'
import type { Server, ServerOptions } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { systemErrorCode, UsageError } from '../util/errors.ts'
import type { ServerApp } from './types.ts'

/** Where to listen. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /**
   * Seconds in which a client has to send its request (its head within 20), and in which it may take nothing of an answer that
   * waits for it; past them the connection ends. Default 60.
   */
  readonly clientSeconds?: number | undefined
}

/** A listening server. */
export interface Listening {
  /** Where it answers, with the real port. */
  readonly url: string
  /** Finishes what is in work (or ends it after `limitMs`), then closes the port and all connections. */
  close(limitMs: number): Promise<void>
}

/** Opens the port. Throws `bad-option` when that fails. */
export async function listen(
  server: ServerApp,
  { host, port, clientSeconds = CLIENT_SECONDS }: ListenOptions,
): Promise<Listening> {
  const http = createAdaptorServer({ fetch: server.app.fetch, serverOptions: limitsOf(clientSeconds) }) as Server
  // Without a listener Node would end every connection that is silent so long, those that wait for their turn among them.
  http.setTimeout(1000 * clientSeconds, endStalled)
  http.listen(port, host)
  try {
    await once(http, 'listening')
  } catch (error) {
    throw cannotListen(error, host, port)
  }
  const { port: chosen } = http.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${name}:${chosen}`,
    async close(limitMs) {
      await server.drain(limitMs)
      const closed = once(http, 'close')
      http.close()
      // Answers are written; what is left are idle connections and readers that stall.
      http.closeIdleConnections()
      const impatient = setTimeout(() => http.closeAllConnections(), LAST_BYTES_MS)
      await closed
      clearTimeout(impatient)
    },
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Says which of both is at fault. */
function cannotListen(error: unknown, host: string, port: number): UsageError {
  const why = error instanceof Error ? error.message : String(error)
  const isUnknown = error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo'
  const message =
    isUnknown || HOST_ERRORS.includes(systemErrorCode(error) ?? '')
      ? `expected an address of this machine, got ${host} (${why}); choose another with --host`
      : `expected a free port, got ${host}:${port} (${why}); choose another with --port`
  return new UsageError('bad-option', message, { cause: error })
}

/** Of addresses that are known; resolvers have many codes of their own. */
const HOST_ERRORS = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']

/** Time for clients to take the last bytes of their answers. */
const LAST_BYTES_MS = 1000

/** Slower clients hold a connection for nothing. */
const CLIENT_SECONDS = 60
/** Heads are small. */
const HEADERS_MS = 20_000
/** Node looks at slow clients only so often; its own half a minute would more than double the limit of heads. */
const MOST_BETWEEN_LOOKS_MS = 5000

/** Node answers whoever is slower with 408 and ends the connection. */
function limitsOf(clientSeconds: number): ServerOptions {
  const requestTimeout = Math.ceil(1000 * clientSeconds) // Node takes whole milliseconds only
  const headersTimeout = Math.min(HEADERS_MS, requestTimeout)
  const connectionsCheckingInterval = Math.min(MOST_BETWEEN_LOOKS_MS, Math.ceil(headersTimeout / 4))
  return { requestTimeout, headersTimeout, connectionsCheckingInterval }
}

/** A silent connection is as it should be while its request waits; one with an answer that nobody takes is not. */
function endStalled(socket: Socket): void {
  if (socket.writableLength > 0) socket.destroy()
}
