/** What the views of the page share: the server, settings, the conversation, and which round is being looked at. */
import { signal, type Signal } from '@preact/signals'
import { Answer } from './answer.ts'
import { Api, ServerProblem, type About } from './api.ts'
import type { Comparison, Pair } from './comparison.ts'
import {
  defaultSettings,
  isDrafter,
  nameOf,
  requestOf,
  type Message,
  type Settings,
  type Speculation,
} from './settings.ts'

/** One question and the answer to it. */
export interface Turn {
  readonly question: string
  readonly answer: Answer
  /** The answer before this one, if it was asked for again. */
  readonly before?: Answer | undefined
}

/** The answer whose text stands there: the one before, until a new one has begun, and where it never did. */
export function standing({ answer, before }: Turn): Answer {
  const state = answer.state.value
  const isNothing = state === 'waiting' || (answer.text === '' && (state === 'failed' || state === 'stopped'))
  return before && isNothing ? before : answer
}

/** The round and node that are looked at. */
export interface Look {
  /** Undefined: the newest round. */
  readonly round: number | undefined
  /** `own`: the token that the target added. Undefined: the root. */
  readonly node: number | 'own' | undefined
}

/** The newest round, nothing of it in particular. */
export const newest: Look = { round: undefined, node: undefined }

/** A trace file that is open. */
export interface OpenFile {
  readonly name: string
  readonly answers: readonly Answer[]
}

/** State of the page: it stays when another view is shown. One per page. */
export class Store {
  readonly api = new Api(() => {
    this.needsKey.value = true
    this.refusedKey.value = this.api.key !== ''
  })
  /** The model; undefined until the server has told it. */
  readonly about: Signal<About | undefined> = signal(undefined)
  /** What keeps the server from being used; empty: nothing. */
  readonly problem = signal('')
  readonly needsKey = signal(false)
  /** The server did not take the key that it was shown. */
  readonly refusedKey = signal(false)
  readonly settings: Signal<Settings>
  /** The next question, as far as it is typed. */
  readonly draft = signal('')
  readonly turns: Signal<readonly Turn[]> = signal([])
  /** The answer whose rounds are shown; undefined: the last one of the conversation. */
  readonly shown: Signal<Answer | undefined> = signal(undefined)
  readonly look: Signal<Look> = signal(newest)
  /** What two settings are compared with, how, and the comparison if there was one. */
  readonly prompt = signal('Write the numbers from 1 to 30, separated by commas.')
  readonly speculations: Signal<Pair<Speculation>> = signal(withoutAndWith)
  readonly comparison: Signal<Comparison | undefined> = signal(undefined)
  readonly file: Signal<OpenFile | undefined> = signal(undefined)
  /** Said to those who do not see the page. */
  readonly announcement = signal('')

  constructor(settings: Settings = defaultSettings) {
    this.settings = signal(settings)
  }

  /** Asks the server for its name; with a key if there is one. */
  async connect(): Promise<void> {
    try {
      this.about.value = await this.api.about()
      this.needsKey.value = false
      this.refusedKey.value = false
      this.problem.value = ''
    } catch (error) {
      if (!(error instanceof ServerProblem && error.status === 401)) this.needsKey.value = false
      this.problem.value = error instanceof Error ? error.message : String(error)
    }
  }

  /** The answer that is being written, if one is. */
  get working(): Answer | undefined {
    const last = this.turns.value.at(-1)?.answer
    return last && (last.state.value === 'waiting' || last.state.value === 'streaming') ? last : undefined
  }

  /** Whether the model answers conversations; so it is believed until the server says otherwise. */
  get chats(): boolean {
    return this.about.value?.chats ?? true
  }

  /** Whether requests may name this drafter; so it is believed until the server says otherwise. */
  offers(method: Speculation['method']): boolean {
    const drafters = this.about.value?.drafters
    return drafters === undefined || !isDrafter(method) || drafters.includes(method)
  }

  /** Asks the next question. `before`: its answer so far, if it is asked again. */
  async ask(question: string, before?: Answer): Promise<void> {
    const settings = this.settings.value
    const answer = new Answer(nameOf(settings.speculation))
    const messages = [...messagesOf(this.turns.value), { role: 'user', content: question } as const]
    this.turns.value = [...this.turns.value, { question, answer, before }]
    this.shown.value = undefined
    this.look.value = newest
    await answer.run(this.api, requestOf(settings, messages, this.chats))
    this.announcement.value = sentenceOf(answer)
    // The server is back, perhaps with another model.
    if (this.problem.value !== '' && answer.state.value === 'done') await this.connect()
  }

  /** Asks the last question again, with the settings of now. */
  async regenerate(): Promise<void> {
    const last = this.turns.value.at(-1)
    if (!last) return
    this.turns.value = this.turns.value.slice(0, -1)
    await this.ask(last.question, standing(last))
  }

  /** Takes the last question back, to be written anew. */
  takeBack(): void {
    const last = this.turns.value.at(-1)
    if (!last || last.answer.isOpen) return
    this.turns.value = this.turns.value.slice(0, -1)
    this.shown.value = undefined
    this.look.value = newest
    this.draft.value = [last.question, this.draft.value].filter((text) => text !== '').join('\n')
  }

  /** A new conversation. */
  clear(): void {
    this.working?.stop()
    this.turns.value = []
    this.shown.value = undefined
    this.look.value = newest
  }
}

/** How an answer ended, in one sentence. */
export function sentenceOf(answer: Answer): string {
  const state = answer.state.value
  if (state === 'failed') return `The answer failed: ${answer.reason}`
  if (state === 'stopped') return 'The answer was stopped.'
  return answer.reason === 'length' ? 'The answer reached its length.' : 'The answer is complete.'
}

// ---------------------------------------------------------------------------------------------------------------

const withoutAndWith: Pair<Speculation> = [
  { ...defaultSettings.speculation, method: 'off' },
  { ...defaultSettings.speculation, method: 'server' },
]

/** Questions without an answer are left out: templates want the roles in turn. */
function messagesOf(turns: readonly Turn[]): Message[] {
  return turns
    .map((turn) => ({ question: turn.question, text: standing(turn).text }))
    .filter(({ text }) => text !== '')
    .flatMap(({ question, text }): Message[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: text },
    ])
}
