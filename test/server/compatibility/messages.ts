/** For each field of a message: messages that go well with it, and ones that are refused for it. */

const call = { id: '1', type: 'function', function: { name: 'a', arguments: '{}' } }
const assistant = { role: 'assistant', content: 'red' }

/** Messages after one of the user. */
export interface MessageCase {
  readonly good: readonly object[]
  /** Undefined where any value is taken. */
  readonly bad?: readonly object[]
}

/** By the name of the field. */
export const messageCases: Readonly<Record<string, MessageCase>> = {
  role: {
    good: ['system', 'developer', 'user', 'assistant'].map((role) => ({ role, content: 'red' })),
    bad: [{ role: 'function', content: 'red' }],
  },
  content: {
    good: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'red' },
          { type: 'text', text: 'blue' },
        ],
      },
    ],
    bad: [{ role: 'user', content: null }],
  },
  name: {
    good: [
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: '1', name: 'a', content: 'red' },
    ],
    bad: [{ role: 'user', content: 'red', name: 'somebody' }],
  },
  tool_calls: {
    good: [{ role: 'assistant', content: null, tool_calls: [call] }],
    bad: [{ role: 'user', content: 'red', tool_calls: [call] }],
  },
  tool_call_id: {
    good: [
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: '1', content: 'red' },
    ],
    bad: [{ role: 'tool', content: 'red' }],
  },
  parsed: {
    good: [
      {
        ...assistant,
        parsed: { a: 1 },
        tool_calls: [{ ...call, function: { ...call.function, parsed_arguments: {} } }],
      },
    ],
  },
  function_call: { good: [{ ...assistant, function_call: null }], bad: [{ ...assistant, function_call: {} }] },
  refusal: { good: [{ ...assistant, refusal: null }], bad: [{ ...assistant, refusal: 'no' }] },
  audio: { good: [{ ...assistant, audio: null }], bad: [{ ...assistant, audio: {} }] },
  annotations: { good: [{ ...assistant, annotations: [] }], bad: [{ ...assistant, annotations: [{}] }] },
}
