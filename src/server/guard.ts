/**
 * Web pages as clients: a page of another origin gets nothing unless its origin was named, and a server of this machine
 * answers only to its own names, so that no page reaches it by a name that it made up (DNS rebinding). And bodies that would
 * overflow the stack of whoever walks them.
 */
import type { MiddlewareHandler } from 'hono'
import { ApiError } from './errors.ts'
import { canonicalHost } from './hosts.ts'

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

/** Refuses requests to other host names (without port, in any spelling); without `names` all are served. */
export function requireHost(names: readonly string[] | undefined): MiddlewareHandler {
  const known = names && new Set(names.map(canonicalHost))
  return async function requireHost(c, next) {
    const host = c.req.header('host')
    if (known && host !== undefined && !known.has(canonicalHost(host))) {
      const message = `expected a request to ${[...known].join(' or ')}, got the host ${host.slice(0, 100)}; start the server with --host to serve others`
      throw new ApiError(403, message, { code: 'host_not_allowed' })
    }
    await next()
  }
}

/** Refuses bodies whose lists and objects nest deeper than `most` levels: JSON is read without recursion, but what comes of it is not. */
export function limitDepth(most: number): MiddlewareHandler {
  return async function limitDepth(c, next) {
    if (c.req.method === 'POST' && nestsDeeper(await c.req.text(), most)) {
      const message = `expected a body of at most ${most} levels, got a deeper one; nest lists and objects less deeply`
      throw new ApiError(400, message, { code: 'invalid_value' })
    }
    await next()
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Looks at brackets outside of texts; whether all of it is JSON is for the parser to say. */
function nestsDeeper(json: string, most: number): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const char = json[at]
    if (char === '"') at = endOfText(json, at)
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
    if (depth > most) return true
  }
  return false
}

/** Index of the quote that ends the text which begins at `start`, or beyond the end. */
function endOfText(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}
