/** The port: Node's HTTP server around an application, and its graceful end. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { UsageError } from '../util/errors.ts'
import type { ServerApp } from './types.ts'

/** Where to listen. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** A listening server. */
export interface Listening {
  /** Where it answers, with the real port. */
  readonly url: string
  /** Finishes what is in work (or ends it after `limitMs`), then closes the port and all connections. */
  close(limitMs: number): Promise<void>
}

/** Longest time in which a client has to send its request: slower ones hold a connection for nothing. */
const REQUEST_MS = 60_000
const HEADERS_MS = 20_000

/** Opens the port. Throws `bad-option` when that fails. */
export async function listen(server: ServerApp, { host, port }: ListenOptions): Promise<Listening> {
  const http = createAdaptorServer({
    fetch: server.app.fetch,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS },
  }) as Server
  http.listen(port, host)
  try {
    await once(http, 'listening')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(
      'bad-option',
      `expected a free port, got ${host}:${port} (${why}); choose another with --port`,
      {
        cause: error,
      },
    )
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

/** Time for clients to take the last bytes of their answers. */
const LAST_BYTES_MS = 1000
