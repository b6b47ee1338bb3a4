/** API keys: several, compared in a time that tells nothing about them. Without keys everybody may ask. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { UsageError } from '../util/errors.ts'
import { ApiError } from './errors.ts'

/** Throws `bad-option` for a key that clients cannot show; `place` says where it stands. */
export function checkKeys(keys: readonly string[], place: string): void {
  const wrong = keys.findIndex((key) => !/^[\x21-\x7e]+$/.test(key))
  if (wrong < 0) return
  const which = keys.length === 1 ? 'the one' : `number ${wrong + 1}`
  const message = `expected keys of visible ASCII characters without blanks, got others in ${which} ${place}; write another one`
  throw new UsageError('bad-option', message)
}

/** Lets through who shows one of `keys` as a bearer token (or `X-Api-Key`), and requests for an open path. */
export function requireKey(keys: readonly string[], openPaths: readonly string[]): MiddlewareHandler {
  checkKeys(keys, 'of apiKeys')
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
