/** Origins of web pages, as browsers spell them: whatever else is named would never be the one of a page. */
import { UsageError } from '../util/errors.ts'

/** The origins that these texts name, `*` for any. Throws `bad-option` for what is none. */
export function readOrigins(texts: readonly string[]): string[] {
  return texts.map((text) => {
    // Pages without an origin of their own (files, sandboxes) have "null".
    if (text === '*' || text === 'null') return text
    const origin = originOf(text)
    if (origin !== undefined) return origin
    const message = `expected origins of web pages as scheme://host or scheme://host:port, or *, got "${text.slice(0, 100)}"; change --cors-origin`
    throw new UsageError('bad-option', message)
  })
}

// ---------------------------------------------------------------------------------------------------------------

function originOf(text: string): string | undefined {
  // No path, no user, and no pattern: origins are compared as they are.
  const bare = /^[a-z][a-z\d+.-]*:\/\/[^/?#@*\s\\]+(?=\/?$)/i.exec(text)?.[0]
  if (bare === undefined || !URL.canParse(bare)) return undefined
  const { origin } = new URL(bare)
  // Of schemes that it does not know (apps and extensions have theirs) a URL tells no origin.
  return origin === 'null' ? bare.toLowerCase() : origin
}
