/**
 * Chat templates: a model's own way to write a conversation, as a Jinja program in its metadata.
 * The only importer of the Jinja interpreter.
 */
import { Template } from '@huggingface/jinja'
import type { Metadata } from '../gguf/index.ts'
import type { TokenId } from '../tree/index.ts'
import { UsageError } from '../util/errors.ts'
import { checkMessages } from './messages.ts'
import type { ChatMessage, ChatTemplate, Tokenizer } from './types.ts'

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
  /** Parsed at first use: a template that cannot be read must not keep plain prompts from working. */
  #template: Template | undefined

  constructor(source: string, tokens: Readonly<Record<'bos_token' | 'eos_token', string>>) {
    this.source = source
    this.#tokens = tokens
  }

  render(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt?: boolean } = {}): string {
    checkMessages(messages)
    try {
      this.#template ??= new Template(this.source)
      return this.#template.render({
        // Copies: a template may write to what it is given.
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: options.addGenerationPrompt ?? true,
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
