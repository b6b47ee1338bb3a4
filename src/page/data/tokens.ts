/**
 * Who said which part of an answer. The text that the server sends is the truth; rounds say where its tokens end and who
 * guessed them. What is in the text and in no round yet is shown without an origin.
 */
import type { Origin, Piece, Pieces, Round, ShownToken } from '../types.ts'

/** Splits the text of one answer into tokens. A round is told before its text, which may come later still (stop texts). */
export class TokenSplitter {
  /** One list per settled round, the first for what came before all rounds. They do not change any more. */
  readonly groups: (readonly ShownToken[])[] = []
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #pending: ShownToken[][] = []
  #shown = 0

  /** Characters of the text that belong to tokens. */
  get length(): number {
    return this.#shown
  }

  /** Adds the tokens of the next round. */
  add(round: Round, index: number, pieces: Pieces): void {
    const read = (token: number): string =>
      this.#decoder.decode(bytesOf(pieces.get(token) ?? `#${token}`), { stream: true })
    if (index === 0) {
      const first = read(round.tree.tokens[0] ?? 0)
      this.#pending.push([{ text: first, origin: 'target', round: -1, node: undefined }])
    }
    const path = round.tree.acceptedPath
    this.#pending.push(
      round.emitted.map((token, place) => {
        const node = path[place]
        return { text: read(token), origin: originOf(round, node), round: index, node }
      }),
    )
  }

  /** Lays tokens over the answer as far as it has come, and to its end when it is over. */
  settle(text: string, isOver: boolean): void {
    for (let group = this.#pending[0]; group !== undefined; group = this.#pending[0]) {
      const needed = group.reduce((sum, token) => sum + token.text.length, this.#shown)
      if (text.length < needed && !isOver) return
      this.#pending.shift()
      this.groups.push(
        group.map((token) => {
          const shown = commonPart(text, this.#shown, token.text)
          this.#shown += shown.length
          return { ...token, text: shown }
        }),
      )
    }
  }
}

/** The text of rounds without an answer: that of their tokens, control tokens aside. */
export function textOfRounds(rounds: readonly Round[], pieces: Pieces): string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const tokens = rounds.flatMap(({ tree, emitted }, index) =>
    index === 0 ? [tree.tokens[0] ?? 0, ...emitted] : emitted,
  )
  return tokens
    .map((token) => withoutControl(decoder.decode(bytesOf(pieces.get(token) ?? `#${token}`), { stream: true })))
    .join('')
}

/** Who drafted a node; without a node, or a drafter's name, the target said it. */
export function originOf({ tree, sourceNames = [] }: Round, node: number | undefined): Origin {
  if (node === undefined) return 'target'
  return sourceNames[tree.sources[node] ?? 0] ?? 'draft'
}

/** A piece as people see it in a tree: white space made visible. */
export function visiblePiece(piece: Piece | undefined, token: number): string {
  if (piece === undefined) return `#${token}`
  if (typeof piece !== 'string') return piece.map((byte) => `<${byte.toString(16).padStart(2, '0')}>`).join('')
  return piece.replace(/\n/g, '↵').replace(/\t/g, '⇥').replace(/^ | $/g, '·').replace(unspeakable, '\ufffd')
}

// ---------------------------------------------------------------------------------------------------------------

/** Control characters, those that turn the direction of what follows, and those without a width. */
const unspeakable = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g

function bytesOf(piece: Piece): Uint8Array {
  return typeof piece === 'string' ? new TextEncoder().encode(piece) : Uint8Array.from(piece)
}

/** The token's part of the text at `from`: all of it, its beginning where the text ends (a stop text cut it), or nothing. */
function commonPart(text: string, from: number, piece: string): string {
  if (text.startsWith(piece, from)) return piece
  const rest = text.slice(from)
  return rest !== '' && piece.startsWith(rest) ? rest : ''
}

/** Control tokens are not part of an answer; without its text only their look tells. */
function withoutControl(piece: string): string {
  return /^<\|.*\|>$|^<\/?s>$/.test(piece) ? '' : piece
}
