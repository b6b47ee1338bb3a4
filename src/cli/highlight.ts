/**
 * Colours the text of an answer by the origin of its tokens: drafted and accepted, or the target's own. The engine
 * holds text back (stop texts, half characters), so origins wait here until their characters come out.
 * Escape codes by hand: `util.styleText` looks at the environment differently in each version of Node.
 */
import type { TokenOrigin } from '../engine/index.ts'
import type { Tokenizer } from '../text/index.ts'

/** Colours pieces of one answer, in order. */
export interface Painter {
  /** `text` with terminal colours; `tokens` and `origins` belong to it or to text that comes later. */
  paint(text: string, tokens: readonly number[], origins: readonly TokenOrigin[]): string
}

/** What the colours mean, for the line above the answer. */
export const legend = `${colour('green: drafted and accepted', 'drafted')}; plain: the model's own tokens`

/** A painter for one answer. */
export function openPainter(tokenizer: Pick<Tokenizer, 'bytes'>): Painter {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const waiting: { length: number; readonly origin: TokenOrigin }[] = []
  return {
    paint(text, tokens, origins) {
      tokens.forEach((token, index) => {
        // A character that spans two tokens belongs to the one that completes it.
        const length = decoder.decode(tokenizer.bytes(token), { stream: true }).length
        if (length > 0) waiting.push({ length, origin: origins[index] ?? 'target' })
      })
      let painted = ''
      let at = 0
      for (let first = waiting[0]; first !== undefined && at < text.length; first = waiting[0]) {
        const taken = Math.min(first.length, text.length - at)
        painted += colour(text.slice(at, at + taken), first.origin)
        at += taken
        first.length -= taken
        if (first.length === 0) waiting.shift()
      }
      return painted + text.slice(at)
    },
  }
}

/** Whether colours make sense: a terminal, and nobody said no; `FORCE_COLOR` says yes in any case. */
export function wantsColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  return stream.isTTY === true && env.TERM !== 'dumb'
}

// ---------------------------------------------------------------------------------------------------------------

function colour(text: string, origin: TokenOrigin): string {
  return origin === 'drafted' && text !== '' ? `\x1b[32m${text}\x1b[39m` : text
}
