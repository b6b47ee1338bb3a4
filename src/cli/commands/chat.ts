/**
 * `heterospec chat`: a conversation in the terminal, or one question per line from a pipe. Ctrl-C stops the answer,
 * not the program; Ctrl-D and `/exit` end it. Answers go to stdout, everything else to stderr.
 */
import type { Interface } from 'node:readline/promises'
import type { Command } from '@commander-js/extra-typings'
import type { Engine } from '../../engine/index.ts'
import { HeterospecError, UsageError } from '../../util/errors.ts'
import { checkChatLog, logChat } from '../chat-log.ts'
import { runCommand, type ChatActions } from '../chat-commands.ts'
import { Conversation, type ConversationSettings } from '../conversation.ts'
import type { Typed } from '../flags.ts'
import { INTERRUPTED, listenForInterrupt } from '../interrupt.ts'
import { openFromFlags, withLocalDraftModel } from '../open.ts'
import { addSharedOptions, readRequestOptions } from '../options.ts'
import { parseSpeculative, readSpeculation } from '../speculation.ts'
import { statisticsLine } from '../statistics.ts'
import { openTerminal } from '../terminal.ts'

/** Adds options and action. */
export function define(command: Command): void {
  const withOwn = command
    .option('--log-chats <file>', 'append what was said to this file, for "head train"')
    .option('-q, --quiet', 'no progress, no statistics')
  addSharedOptions(command)
  withOwn
    .addHelpText('after', '\nInside, /help lists the commands. Lines of a pipe are questions, one after the other.')
    .action((options) => chat(options))
}

// ---------------------------------------------------------------------------------------------------------------

async function chat(options: {
  readonly quiet?: true | undefined
  readonly logChats?: string | undefined
}): Promise<void> {
  const typed = options as Typed
  const quiet = options.quiet === true
  const speculative = readSpeculation(typed)
  if (options.logChats !== undefined) checkChatLog(options.logChats)
  await using engine = await openInterruptibly(typed, speculative, quiet)
  if (!engine.template) {
    const message = `expected a model with a chat template, ${engine.spec.name} has none; use "heterospec run --raw"`
    throw new UsageError('bad-option', message)
  }
  const request = readRequestOptions(typed)
  const onEnd = logTo(options.logChats, request.temperature)
  using conversation = new Conversation(engine, { request, system: typed['system'] as string | undefined, onEnd })
  using terminal = openTerminal()
  const { lines, interactive } = terminal
  using turns = new Turns(lines, interactive)
  const actions: ChatActions = {
    conversation,
    speculation: (name) => speculationFor(typed, name),
    exit: () => lines.close(),
  }
  if (interactive) console.error(`${engine.spec.name}; /help lists the commands, Ctrl-D leaves`)
  terminal.prompt()
  for await (const line of lines) {
    if (line.startsWith('/')) await complain(interactive, () => obey(line, actions))
    else if (line.trim() !== '') await complain(interactive, () => turns.answer(conversation, line, quiet))
    if (turns.closed) break
    terminal.prompt()
  }
}

/** Appends a conversation to the file, where one was named. */
function logTo(path: string | undefined, temperature = 0): ConversationSettings['onEnd'] {
  if (path === undefined) return undefined
  return (messages, last) => logChat(path, { messages, temperature, finished: last?.finishReason === 'stop' })
}

/** While the model loads, Ctrl-C ends the program. */
async function openInterruptibly(
  typed: Typed,
  speculative: ReturnType<typeof readSpeculation>,
  quiet: boolean,
): Promise<Engine> {
  using interrupt = listenForInterrupt()
  return await openFromFlags(typed, { signal: interrupt.signal, speculative, quiet })
}

async function speculationFor(typed: Typed, name: string): ReturnType<ChatActions['speculation']> {
  const options = readSpeculation({ ...typed, speculative: parseSpeculative(name) })
  return (await withLocalDraftModel(options, {})) ?? 'auto'
}

async function obey(line: string, actions: ChatActions): Promise<void> {
  const shown = await runCommand(line, actions)
  if (shown !== '') console.error(shown)
}

/** A turn that fails is told and the conversation goes on; a script learns of it by the exit code. */
async function complain(interactive: boolean, turn: () => Promise<void>): Promise<void> {
  try {
    await turn()
  } catch (error) {
    if (!(error instanceof HeterospecError)) throw error
    const hint = error.code === 'prompt-too-long' ? ' (/clear forgets what was said)' : ''
    console.error(`heterospec: ${error.message}${hint}`)
    if (!interactive) process.exitCode = 1
  }
}

/** The answer in progress, and what Ctrl-C and a closed output do to it. */
class Turns implements Disposable {
  readonly #lines: Interface
  readonly #interactive: boolean
  #answer: AbortController | undefined
  #warned = false
  #closed = false

  constructor(lines: Interface, interactive: boolean) {
    this.#lines = lines
    this.#interactive = interactive
    lines.on('SIGINT', this.#interrupt).on('line', this.#calm)
    process.on('SIGINT', this.#interrupt)
    process.stdout.on('error', this.#close)
  }

  /** True when nobody reads the answers any more, or the user wants to leave. */
  get closed(): boolean {
    return this.#closed
  }

  /** Streams one answer. */
  async answer(conversation: Conversation, question: string, quiet: boolean): Promise<void> {
    const controller = new AbortController()
    this.#answer = controller
    try {
      let last = ''
      for await (const event of conversation.ask(question, controller.signal)) {
        if (event.type === 'text') process.stdout.write((last = event.text))
        if (event.type !== 'done' || this.#closed) continue
        if (!last.endsWith('\n')) process.stdout.write('\n')
        if (!quiet) console.error(statisticsLine(event))
      }
    } finally {
      this.#answer = undefined
    }
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupt)
    process.stdout.off('error', this.#close)
  }

  readonly #calm = (): void => {
    this.#warned = false
  }

  readonly #close = (): void => {
    this.#closed = true
    this.#answer?.abort()
    this.#lines.close()
  }

  readonly #interrupt = (): void => {
    if (this.#answer) {
      // The second one during the same answer means it.
      if (this.#answer.signal.aborted) process.exit(INTERRUPTED)
      this.#answer.abort()
    } else if (this.#interactive && this.#lines.line !== '') {
      this.#lines.write(null, { ctrl: true, name: 'e' })
      this.#lines.write(null, { ctrl: true, name: 'u' })
    } else if (this.#interactive && !this.#warned) {
      this.#warned = true
      console.error('\n(Ctrl-C again or Ctrl-D leaves)')
      this.#lines.prompt()
    } else {
      process.exitCode = INTERRUPTED
      this.#close()
    }
  }
}
