/** One conversation while it is written: which token comes next, whose turn it is, and what is left of it at the end. */
import { defined } from '../../util/assert.ts'
import { uniformAt } from '../../util/rng.ts'
import type { TopK } from '../../util/topk.ts'
import { drawIndex } from '../../sample/index.ts'
import { encodeChat, type ChatMessage, type ChatTemplate, type Tokenizer } from '../../text/index.ts'
import type { TokenId } from '../../tree/index.ts'
import { startsWith } from './chat-lines.ts'
import { LoopWatch } from './loops.ts'
import type { Start } from './starts.ts'
import type { DataLine, DropReason } from './types.ts'

/** What all conversations of a run share. */
export interface Rules {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Tokens of a conversation in all. */
  readonly context: number
  readonly maxPrompt: number
  readonly maxAnswer: number
}

/** Users are people: their turns are drawn at this temperature whatever the answers' is. */
const USER_TEMPERATURE = 1
/** A user turn that has not ended this many tokens after it should is given up. */
const USER_SLACK = 48
/** What stands before a repetition is kept when it is at least this long. */
const FEWEST_KEPT = 16
/** Tokens that another turn must have room for. */
const ROOM_TO_GO_ON = 96

/** A conversation; `tokens` beyond what the cache holds are to be read, then `take` gets the last one's best tokens. */
export class Conversation {
  /** All so far, as they will stand in the file. */
  tokens: TokenId[] = []
  /** Tokens that were drawn. */
  generated = 0
  readonly #rules: Rules
  readonly #start: Start
  readonly #messages: ChatMessage[]
  readonly #answers: [from: number, to: number][] = []
  #speaker: 'user' | 'target' = 'user'
  #turn = 0
  /** Where the running turn begins in `tokens`; a user's opener counts as part of it. */
  #from = 0
  #watch = new LoopWatch()
  #cut = false
  #ended = false
  #dropped: DropReason | undefined

  constructor(rules: Rules, start: Start) {
    this.#rules = rules
    this.#start = start
    this.#messages = [...start.system]
    this.#beginTurn()
  }

  /** Nothing more will be read. */
  get ended(): boolean {
    return this.#ended
  }

  /** Takes the next token from the best ones after the last (see `count`); never called after the end. */
  take(top: TopK): void {
    const answering = this.#speaker === 'target'
    const token = this.#draw(top, answering ? this.#start.temperature : USER_TEMPERATURE)
    this.generated++
    if (answering) this.#takeAnswer(token)
    else this.#takeUser(token)
  }

  /** What came of it: the text, or why there is none. */
  result(): DataLine | { readonly dropped: DropReason } {
    const to = this.#answers.at(-1)?.[1]
    if (to === undefined) return { dropped: this.#dropped ?? 'empty' }
    const last = this.#messages.findLastIndex(({ role }) => role === 'assistant')
    return {
      tokens: this.tokens.slice(0, to),
      answers: this.#answers,
      temperature: this.#start.temperature,
      messages: this.#messages.slice(0, last + 1),
      conversation: this.#start.conversation,
      generated: this.generated,
      cut: this.#cut,
    }
  }

  // --- turns ---

  #beginTurn(): void {
    const turn = this.#start.turns[this.#turn]
    if (!turn) {
      this.#end()
      return
    }
    this.#turn++
    if ('text' in turn) {
      this.#ask(turn.text)
      return
    }
    const opening = this.#opening()
    if (!startsWith(opening, this.tokens)) {
      this.#end()
      return
    }
    this.tokens = [...opening, ...this.#rules.tokenizer.tokenize(turn.opener, { addSpecial: false })]
    this.#speaker = 'user'
    this.#from = opening.length
    this.#watch = new LoopWatch()
    if (this.tokens.length >= this.#rules.context) this.#end('too-long')
  }

  /** The user has said this: the target's turn. */
  #ask(content: string): void {
    const { template, tokenizer, maxPrompt, context } = this.#rules
    this.#messages.push({ role: 'user', content })
    const prompt = encodeChat(template, tokenizer, this.#messages)
    const first = this.#answers.length === 0
    // Where the template, or the tokenizer, would write an earlier answer otherwise, the conversation ends with it.
    if (!first && !startsWith(prompt, this.tokens.slice(0, this.#answers.at(-1)?.[1]))) {
      this.#end()
      return
    }
    if (prompt.length > (first ? maxPrompt : context - ROOM_TO_GO_ON)) {
      this.#end('too-long')
      return
    }
    this.tokens = prompt
    this.#speaker = 'target'
    this.#from = prompt.length
    this.#watch = new LoopWatch()
  }

  #takeUser(token: TokenId): void {
    const { tokenizer, context } = this.#rules
    const turn = this.#start.turns[this.#turn - 1]
    const goal = turn && 'length' in turn ? turn.length : 0
    const over = tokenizer.isEnd(token)
    if (!over) {
      this.tokens.push(token)
      if (this.#watch.push(token) !== undefined) {
        this.#end('loop')
        return
      }
    }
    const length = this.tokens.length - this.#from
    const stops = length >= goal && /[.?!\n]["')]?\s*$/.test(tokenizer.detokenize([token]))
    if (!over && !stops) {
      if (length > goal + USER_SLACK || this.tokens.length >= context) this.#end('too-long')
      return
    }
    const content = tokenizer.detokenize(this.tokens.slice(this.#from)).trim()
    if (content === '' || content.includes('\ufffd')) this.#end('empty')
    else this.#ask(content)
  }

  #takeAnswer(token: TokenId): void {
    const { tokenizer, maxAnswer, context } = this.#rules
    const over = tokenizer.isEnd(token)
    // A control token in the middle: whatever it is, nobody wants it drafted.
    if (!over && tokenizer.isControl(token)) {
      this.#endAnswer(this.tokens.length, false)
      return
    }
    this.tokens.push(token)
    if (over) {
      this.#endAnswer(this.tokens.length, true)
      return
    }
    const before = this.#watch.push(token)
    if (before !== undefined) {
      this.#cut = true
      this.#endAnswer(before < FEWEST_KEPT ? this.#from : this.#from + before, false, 'loop')
      return
    }
    const length = this.tokens.length - this.#from
    if (length >= maxAnswer || this.tokens.length >= context) this.#endAnswer(this.tokens.length, false)
  }

  /** The answer ends before `to`; it goes on with another turn only where the target ended it itself. */
  #endAnswer(to: number, complete: boolean, reason?: DropReason): void {
    const content = this.#rules.tokenizer.detokenize(this.tokens.slice(this.#from, to))
    this.tokens.length = to
    if (to === this.#from || content === '') {
      this.#end(reason)
      return
    }
    this.#answers.push([this.#from, to])
    this.#messages.push({ role: 'assistant', content })
    if (!complete || this.tokens.length + ROOM_TO_GO_ON > this.#rules.context) {
      this.#end()
      return
    }
    this.#beginTurn()
  }

  #end(reason?: DropReason): void {
    this.#ended = true
    this.#dropped = reason
  }

  // --- tokens ---

  /** The template up to the user's next words: what two renderings with different words have in common. */
  #opening(): TokenId[] {
    const { template, tokenizer } = this.#rules
    const write = (content: string): TokenId[] =>
      encodeChat(template, tokenizer, [...this.#messages, { role: 'user', content }])
    const [one, other] = [write('x'), write('7')]
    const differ = one.findIndex((token, at) => token !== other[at])
    return one.slice(0, differ)
  }

  /** Users say no control tokens, and something before they end. */
  #draw({ ids, values }: TopK, temperature: number): TokenId {
    const { tokenizer } = this.#rules
    if (temperature === 0) return defined(ids[0])
    const best = values[0] ?? 0
    const silent = this.#speaker === 'user' && this.tokens.length - this.#from < 3
    const weights = Float64Array.from(values, (value, at) => {
      const id = defined(ids[at])
      const barred = this.#speaker === 'user' && tokenizer.isControl(id) && (silent || !tokenizer.isEnd(id))
      return barred ? 0 : Math.exp((value - best) / temperature)
    })
    if (weights.every((weight) => weight === 0)) return defined(ids[0])
    return defined(ids[drawIndex(weights, uniformAt(this.#start.seed, this.generated))])
  }
}
