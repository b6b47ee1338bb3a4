/** API keys: several, compared in a time that tells nothing about them. Without keys everybody may ask. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { ApiError } from './errors.ts'

/** Lets through who shows one of `keys` as a bearer token (or `X-Api-Key`), and requests for an open path. */
export function requireKey(keys: readonly string[], openPaths: readonly string[]): MiddlewareHandler {
  const known = keys.map(hashOf)
  return async function requireKey(c, next) {
    if (known.length > 0 && !openPaths.includes(c.req.path)) {
      const shown = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? c.req.header('x-api-key')
      if (shown === undefined || !isKnown(shown, known)) {
        const got = shown === undefined ? 'none' : 'another one'
        const message = `expected an API key of this server as "Authorization: Bearer KEY", got ${got}; ask whoever runs the server for one`
        throw new ApiError(401, message, { code: 'invalid_api_key' })
      }
    }
    await next()
  }
}

// ---------------------------------------------------------------------------------------------------------------

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/** Looks at every key, so that the time does not tell which one was near. */
function isKnown(shown: string, known: readonly Buffer[]): boolean {
  const hash = hashOf(shown)
  return known.map((key) => timingSafeEqual(key, hash)).some((equal) => equal)
}
