/**
 * Web pages as clients: a page of another origin gets nothing unless its origin was named, and a server of this machine
 * answers only to its own names, so that no page reaches it by a name that it made up (DNS rebinding).
 */
import type { MiddlewareHandler } from 'hono'
import { ApiError } from './errors.ts'

/** Refuses requests from pages of other origins than the server's own and `origins`. */
export function refuseForeignPages(origins: readonly string[]): MiddlewareHandler {
  return async function refuseForeignPages(c, next) {
    const origin = c.req.header('origin')
    const own = origin?.replace(/^https?:\/\//, '') === c.req.header('host')
    if (origin !== undefined && !own && !origins.includes(origin) && !origins.includes('*')) {
      const message = `expected a page whose origin was allowed, got ${origin.slice(0, 100)}; start the server with --cors-origin`
      throw new ApiError(403, message, { code: 'origin_not_allowed' })
    }
    await next()
  }
}

/** Refuses requests to other host names (without port); without `names` all are served. */
export function requireHost(names: readonly string[] | undefined): MiddlewareHandler {
  return async function requireHost(c, next) {
    const host = c.req.header('host')?.replace(/:\d+$/, '')
    if (names && host !== undefined && !names.includes(host)) {
      const message = `expected a request to ${names.join(' or ')}, got the host ${host.slice(0, 100)}; start the server with --host to serve others`
      throw new ApiError(403, message, { code: 'host_not_allowed' })
    }
    await next()
  }
}
