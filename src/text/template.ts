/**
 * Chat templates: a model's own way to write a conversation, as a Jinja program in its metadata.
 * The only importer of the Jinja interpreter.
 */
import { Template } from '@huggingface/jinja'
import type { Metadata } from '../gguf/index.ts'
import type { TokenId } from '../tree/index.ts'
import { UsageError } from '../util/errors.ts'
import { checkMessages } from './messages.ts'
import { CALL_MARK } from './tool-calls.ts'
import { plainConversation, toolObject } from './tool-prompt.ts'
import type { ChatMessage, ChatTemplate, RenderOptions, Tokenizer } from './types.ts'

/** The template in a model's metadata; `undefined` where there is none. */
export function createTemplate(metadata: Metadata, tokenizer: Tokenizer): ChatTemplate | undefined {
  const source = metadata.string('tokenizer.chat_template') ?? metadata.string('tokenizer.chat_template.default')
  if (!source) return undefined
  const textOf = (key: string, token: TokenId | undefined, used: boolean): string => {
    // libllama fills in ids that the file does not name; a template must not print them.
    if (token === undefined || !(used || metadata.has(`tokenizer.ggml.${key}_token_id`))) return ''
    return new TextDecoder().decode(tokenizer.bytes(token, true))
  }
  return new JinjaTemplate(source, {
    bos_token: textOf('bos', tokenizer.bos, tokenizer.addsBos),
    eos_token: textOf('eos', tokenizer.eos, false),
  })
}

// ---------------------------------------------------------------------------------------------------------------

class JinjaTemplate implements ChatTemplate {
  readonly source: string
  readonly #tokens: Readonly<Record<'bos_token' | 'eos_token', string>>
  readonly #knowsTools: boolean
  /** Parsed at first use: a template that cannot be read must not keep plain prompts from working. */
  #template: Template | undefined

  constructor(source: string, tokens: Readonly<Record<'bos_token' | 'eos_token', string>>) {
    this.source = source
    // Others spell calls in ways of their own, which their answers here could not be read in.
    this.#knowsTools = /\btools\b/.test(source) && source.includes(CALL_MARK)
    this.#tokens = tokens
  }

  render(messages: readonly ChatMessage[], { addGenerationPrompt = true, tools = [] }: RenderOptions = {}): string {
    checkMessages(messages)
    const given = this.#knowsTools ? messages : plainConversation(messages, tools)
    try {
      this.#template ??= new Template(this.source)
      return this.#template.render({
        // Copies: a template may write to what it is given.
        messages: given.map(templateMessage),
        ...(this.#knowsTools && tools.length > 0 && { tools: tools.map(toolObject) }),
        add_generation_prompt: addGenerationPrompt,
        ...this.#tokens,
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new UsageError(
        'bad-prompt',
        `expected a conversation that the model's chat template takes, it says: ${why}; change the messages or give a plain prompt`,
        {
          cause: error,
        },
      )
    }
  }
}

/** As templates expect it; plain messages have nothing but a role and a text. */
function templateMessage({ role, content, toolCalls = [], toolCallId }: ChatMessage): object {
  const calls = toolCalls.map(({ id, name, arguments: given }) => ({
    type: 'function',
    ...(id !== undefined && { id }),
    function: { name, arguments: parsedOr(given) },
  }))
  return {
    ...{ role, content },
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  }
}

/** Templates print arguments as JSON: text that is JSON already must not be printed as a text of text. */
function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // an answer that was cut off
  }
}
