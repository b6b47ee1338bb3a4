/**
 * Tools for models whose chat template does not know them: told in the system message, calls and results as plain text. The
 * words are those of Qwen 2.5's template (Apache-2.0), whose spelling of calls is ours (`tool-calls.ts`).
 */
import { CALL_EXAMPLE, spellCall } from './tool-calls.ts'
import type { ChatMessage, Tool } from './types.ts'

/** The same conversation without tools, calls and results in it. */
export function plainConversation(messages: readonly ChatMessage[], tools: readonly Tool[]): ChatMessage[] {
  const plain: ChatMessage[] = []
  for (const message of messages) {
    const { role, content } = plainMessage(message)
    const last = plain.at(-1)
    // Results of several calls are one turn: many templates want turns to alternate.
    if (message.role === 'tool' && last?.role === 'user') {
      plain[plain.length - 1] = { role: 'user', content: `${last.content}\n${content}` }
    } else plain.push({ role, content })
  }
  if (tools.length === 0) return plain
  const [first, ...others] = plain
  if (first?.role === 'system')
    return [{ role: 'system', content: `${first.content}\n\n${toolPrompt(tools)}` }, ...others]
  return [{ role: 'system', content: toolPrompt(tools) }, ...plain]
}

/** A tool as OpenAI's interface and most templates spell it. */
export function toolObject({ name, description, parameters }: Tool): object {
  const described = { ...(description !== undefined && { description }), parameters: parameters ?? NO_PARAMETERS }
  return { type: 'function', function: { name, ...described } }
}

// ---------------------------------------------------------------------------------------------------------------

const NO_PARAMETERS = { type: 'object', properties: {} }

function plainMessage({ role, content, toolCalls = [] }: ChatMessage): { role: ChatMessage['role']; content: string } {
  if (role === 'tool') return { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` }
  const calls = toolCalls.map(spellCall)
  return { role, content: [...(content === '' ? [] : [content]), ...calls].join('\n') }
}

function toolPrompt(tools: readonly Tool[]): string {
  const list = tools.map((tool) => JSON.stringify(toolObject(tool))).join('\n')
  return `# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
${list}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
${CALL_EXAMPLE}`
}
