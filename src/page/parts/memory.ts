/** What the browser remembers of the page between visits: settings and theme. Never a key, a question or an answer. */

/** Undefined: nothing, or the browser does not say. */
export function remembered(name: 'settings' | 'theme'): string | undefined {
  try {
    return localStorage.getItem(`heterospec.${name}`) ?? undefined
  } catch {
    return undefined
  }
}

/** A browser that may not, or has no room, forgets. */
export function remember(name: 'settings' | 'theme', text: string): void {
  try {
    localStorage.setItem(`heterospec.${name}`, text)
  } catch {
    // as if it had never been said
  }
}
