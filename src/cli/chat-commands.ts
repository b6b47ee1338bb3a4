/** The commands that a chat understands, as a table: `/help`, `/clear`, ... Each answers with text to show. */
import { UsageError } from '../util/errors.ts'
import type { Conversation } from './conversation.ts'
import type { SpeculativeOptions } from '../engine/index.ts'

/** What the commands may do beyond the conversation. */
export interface ChatActions {
  readonly conversation: Conversation
  /** The engine's options for `auto`, `off` or a drafter. Throws `bad-option`. */
  readonly speculation: (name: string) => Promise<SpeculativeOptions>
  readonly exit: () => void
}

/** Runs a line that starts with a slash; returns what to show. Throws `bad-option` for an unknown command. */
export async function runCommand(line: string, actions: ChatActions): Promise<string> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? []
  const command = commands[name]
  if (command) return command.run(argument.trim(), actions)
  const names = Object.keys(commands).map((known) => `/${known}`)
  const advice = 'start the line with a space to send it as text'
  throw new UsageError('bad-option', `expected one of ${names.join(', ')}, got /${name}; ${advice}`)
}

// ---------------------------------------------------------------------------------------------------------------

interface ChatCommand {
  readonly usage: string
  readonly summary: string
  run(argument: string, actions: ChatActions): string | Promise<string>
}

const commands: Readonly<Partial<Record<string, ChatCommand>>> = {
  help: { usage: '/help', summary: 'show this list', run: help },
  clear: {
    usage: '/clear',
    summary: 'forget what was said',
    run(_argument, { conversation }) {
      conversation.clear()
      return 'forgotten'
    },
  },
  history: {
    usage: '/history',
    summary: 'show what was said',
    run(_argument, { conversation }) {
      const said = conversation.history.map(({ role, content }) => `${role}: ${content}`)
      return said.length === 0 ? 'nothing was said yet' : said.join('\n')
    },
  },
  stats: {
    usage: '/stats',
    summary: 'numbers of the last answer and of all',
    run: (_argument, actions) => actions.conversation.statistics(),
  },
  system: {
    usage: '/system [text]',
    summary: 'change what the model is told first; without text: nothing',
    run(argument, { conversation }) {
      conversation.instruct(argument)
      return argument === '' ? 'no system text' : `system text: ${argument}`
    },
  },
  speculative: {
    usage: '/speculative <name>',
    summary: 'auto, off, or a drafter, from the next question on',
    async run(argument, { conversation, speculation }) {
      conversation.speculate(await speculation(argument))
      return `speculation: ${argument}`
    },
  },
  exit: {
    usage: '/exit',
    summary: 'leave (also Ctrl-D)',
    run(_argument, { exit }) {
      exit()
      return ''
    },
  },
}

function help(): string {
  const list = Object.values(commands).filter((command) => command !== undefined)
  const width = Math.max(...list.map(({ usage }) => usage.length))
  const lines = list.map(({ usage, summary }) => `${usage.padEnd(width)}  ${summary}`)
  return [...lines, 'Ctrl-C stops an answer; at an empty prompt, twice, it leaves.'].join('\n')
}
