/** Calls in answers: taken apart the same however the answer comes in pieces; tools in prompts, for templates of both kinds. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainConversation } from './tool-prompt.ts'
import { spellCall, ToolCallReader } from './tool-calls.ts'
import type { ChatMessage, Tool, ToolCall } from './types.ts'

/** Reads an answer that comes in these pieces. */
function read(pieces: readonly string[]): { text: string; calls: readonly ToolCall[]; streamed: ToolCall[] } {
  const reader = new ToolCallReader(['weather', 'now'])
  const streamed: { name: string; arguments: string }[] = []
  let text = ''
  for (const piece of pieces) {
    const said = reader.push(piece)
    text += said.text
    for (const { index, name, arguments: given = '' } of said.calls) {
      const call = (streamed[index] ??= { name: '', arguments: '' })
      call.name += name ?? ''
      call.arguments += given
    }
  }
  text += reader.end()
  return { text, calls: reader.calls, streamed }
}

const calls: ToolCall[] = [
  { name: 'weather', arguments: '{"city": "Köln }\\" {", "days": [1, {"a": {}}]}' },
  { name: 'now', arguments: '{}' },
]

describe('an answer with calls', () => {
  const answer = `Let me see <b>.\n${calls.map(spellCall).join('\n')}`

  it('is taken apart, whatever the pieces', () => {
    const cuts = fc.array(fc.nat(answer.length), { maxLength: 8 })
    fc.assert(
      fc.property(cuts, (at) => {
        const places = [0, ...at.sort((a, b) => a - b), answer.length]
        const pieces = places.slice(1).map((end, i) => answer.slice(places[i], end))
        expect(read(pieces)).toEqual({ text: 'Let me see <b>.', calls, streamed: calls })
      }),
    )
    expect(read([...Array.from(answer)])).toEqual({ text: 'Let me see <b>.', calls, streamed: calls })
  })

  it.each(['no call', '<tool_call>', '<tool_call>\n{"name": ', '\n\n', 'a <tool_cal', '<tool_call>no'])(
    'is text where there is none: %j',
    (text) => {
      expect(read([text]).text).toBe(text)
      expect(read([...Array.from(text)])).toEqual({ text, calls: [], streamed: [] })
    },
  )

  it('that was cut off has what came of its last call', () => {
    const cut = answer.slice(0, answer.indexOf('days'))
    expect(read([cut]).calls).toEqual([{ name: 'weather', arguments: '{"city": "Köln }\\" {", "' }])
    const half = '<tool_call>\n{"name": "wea'
    expect(read([half])).toEqual({ text: half, calls: [], streamed: [] })
  })

  const given = '{"city": "Rome"}'
  it.each([
    [`\`\`\`json\n{\n  "name": "weather",\n  "arguments": ${given}\n}\n\`\`\``, ''],
    [`Well:\n\`\`\`\n{"name": "weather", "arguments": ${given}}\n\`\`\``, 'Well:'],
    [`{"name": "weather", "arguments": ${given}}`, ''],
    [`{"name": "weather", "arguments": ${given}}\nThere.`, '\nThere.'],
    [`\`\`\`json\n{"name": "weather", "arguments": ${given}}`, ''],
    [`{{"name": "weather", "arguments": ${given}}}`, ''],
    [`\`\`\`json\n{{"name": "weather", "arguments": ${given}}}\n\`\`\``, ''],
    [`Well: {{"name": "weather", "arguments": ${given}}`, 'Well: '],
  ])('is understood where a model calls in plain JSON: %j', (plain, text) => {
    const expected = { text, calls: [{ name: 'weather', arguments: given }] }
    expect(read([plain])).toMatchObject(expected)
    expect(read(Array.from(plain))).toMatchObject(expected)
  })

  it.each(['```json\n{"name": "Bob", "arguments": {}}\n```', '{"name": "weather"}', '```js\nx'])(
    'is text where JSON is no call: %j',
    (text) => expect(read(Array.from(text))).toEqual({ text, calls: [], streamed: [] }),
  )

  it('goes on with text behind a call', () => {
    expect(read([`${spellCall(calls[1]!)}\nDone.`])).toMatchObject({ text: '\nDone.', calls: [calls[1]] })
  })
})

describe('a conversation for a template without tools', () => {
  const tools: Tool[] = [{ name: 'now', description: 'What time is it?' }]
  const messages: ChatMessage[] = [
    { role: 'user', content: 'When?' },
    { role: 'assistant', content: 'Let me see.', toolCalls: [calls[1]!, calls[1]!] },
    { role: 'tool', content: '12:00', toolCallId: '1' },
    { role: 'tool', content: '12:01', toolCallId: '2' },
  ]

  it('tells of them in the system message, and of calls and results in turns', () => {
    const [system, ...others] = plainConversation(messages, tools)
    expect(system?.role).toBe('system')
    expect(system?.content).toContain('"name":"now","description":"What time is it?"')
    const call = spellCall(calls[1]!)
    expect(others).toEqual([
      { role: 'user', content: 'When?' },
      { role: 'assistant', content: `Let me see.\n${call}\n${call}` },
      { role: 'user', content: '<tool_response>\n12:00\n</tool_response>\n<tool_response>\n12:01\n</tool_response>' },
    ])
    const [own] = plainConversation([{ role: 'system', content: 'Be kind.' }, ...messages], tools)
    expect(own?.content).toMatch(/^Be kind\.\n\n# Tools/)
  })

  it('stays as it is without tools', () => {
    const plain = messages.slice(0, 1)
    expect(plainConversation(plain, [])).toEqual(plain)
  })
})
