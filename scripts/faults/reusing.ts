/** Clients that use one connection for several requests, one after the other or all at once. */
import type { Client } from './leaving.ts'
import { firstAnswer, open, request, type Answered, type Wire } from './wire.ts'

const chat = '/v1/chat/completions'
const bodies = ['red', 'blue', 'green'].map((content) =>
  JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 3, temperature: 0 }),
)

/** Clients by how they use their connection. */
export const reusers: Readonly<Record<string, Client>> = {
  'asks one after the other': async (port) => {
    using wire = await open(port)
    let taken = 0
    for (const body of bodies) {
      wire.socket.write(request(chat, body))
      requireAnswers(await answers(wire, ++taken), taken)
    }
  },
  'asks all at once': async (port) => {
    using wire = await open(port)
    wire.socket.write(bodies.map((body) => request(chat, body)).join(''))
    requireAnswers(await answers(wire, bodies.length), bodies.length)
  },
  'errs and goes on': async (port) => {
    using wire = await open(port)
    wire.socket.write(request(chat, '{"messages": 7}') + request('/none', '{}') + request(chat, bodies[0]))
    const got = (await answers(wire, 3)).map(({ status }) => status)
    if (got[0] !== 400 || got[1] !== 404 || (got[2] !== 200 && got[2] !== 503))
      throw new Error(`expected 400, 404 and an answer over one connection, got ${got.join(', ')}`)
  },
  'asks twice and leaves': async (port, random) => {
    using wire = await open(port)
    wire.socket.write(bodies.map((body) => request(chat, body)).join(''))
    await answers(wire, random.below(2))
  },
}

// ---------------------------------------------------------------------------------------------------------------

/** Waits for as many answers, in order. */
async function answers(wire: Wire, count: number): Promise<Answered[]> {
  const read = (bytes: string): Answered[] => {
    const found: Answered[] = []
    for (let rest = bytes; found.length < count;) {
      const next = firstAnswer(rest)
      if (!next) break
      found.push(next.answer)
      rest = next.rest
    }
    return found
  }
  await wire.until((bytes) => read(bytes).length >= count)
  return read(wire.received())
}

function requireAnswers(got: readonly Answered[], count: number): void {
  const good = got.every(({ status }) => status === 200 || status === 503)
  if (got.length !== count || !good) throw new Error(`expected ${count} answers, got ${JSON.stringify(got)}`)
}
