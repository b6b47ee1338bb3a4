/** Clients that send what is no request, or a wrong one, and the statuses that they must get. */
import { gzipSync } from 'node:zlib'
import type { Client } from './leaving.ts'
import type { Random } from './random.ts'
import { firstAnswer, open, request } from './wire.ts'

const chat = '/v1/chat/completions'
const valid = { messages: [{ role: 'user', content: 'red' }], max_tokens: 2, temperature: 0 }
const MEBIBYTE = 2 ** 20

/** Clients by what they send. */
export const wrongSenders: Readonly<Record<string, Client>> = {
  'sends garbage': gets([400, 0], (random) => random.bytes(1 + random.below(3000))),
  'speaks TLS': gets([400, 0], () => Buffer.from('16030100f8010000f40303', 'hex')),
  'speaks HTTP/2': gets([400, 505, 0], () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'has a huge head': gets([431], () => request('/health', undefined, { 'X-Large': 'a'.repeat(100_000) })),
  'has a bad length': gets([400], () => request(chat, '{}', { 'Content-Length': '-1' })),
  'has two lengths': gets([400], () =>
    request(chat, '{}').replace('Content-Length: 2', 'Content-Length: 2\r\nContent-Length: 3'),
  ),
  'has length and chunks': gets([400], () => request(chat, '0\r\n\r\n', { 'Transfer-Encoding': 'chunked' })),
  'has bad chunks': gets([400, 0], () =>
    request(chat, undefined)
      .replace('GET', 'POST')
      .replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno'),
  ),
  'says less than it sends': gets([400], () =>
    request(chat, JSON.stringify(valid), { 'Content-Length': '9', Connection: 'keep-alive' }),
  ),
  'says more than it sends': async (port) => {
    using wire = await open(port)
    wire.socket.end(request(chat, JSON.stringify(valid), { 'Content-Length': '9000' }))
    await wire.closed
  },
  'sends 10 MB': tooLarge(false),
  'sends 10 MB in chunks': tooLarge(true),
  'sends no JSON': gets([400], (random) =>
    request(chat, random.pick(['', '{', '[1,', 'null', '"text"', '[]', '{"a":1}}', '\u0000', 'NaN', '{"a":}'])),
  ),
  'sends bytes that are no text': gets([400], (random) => {
    const body = Buffer.concat([Buffer.from('{"messages":"'), random.bytes(50), Buffer.from('"}')])
    return Buffer.concat([Buffer.from(request(chat, '', { 'Content-Length': String(body.length) })), body])
  }),
  'sends wrong types': gets([400], (random) => request(chat, JSON.stringify(mutated(random)))),
  'nests deeply': gets([200, 400, 503], (random) => request(chat, nested(random.pick([60, 240, 10_000]), random))),
  'sends what is packed': gets([400, 415], () => {
    const body = gzipSync(JSON.stringify(valid))
    const headers = { 'Content-Length': String(body.length), 'Content-Encoding': 'gzip' }
    return Buffer.concat([Buffer.from(request(chat, '', headers)), body])
  }),
  'sends a form': gets([415, 400], () => request(chat, 'a=b', { 'Content-Type': 'application/x-www-form-urlencoded' })),
  'uses a wrong method': gets([405], () => request(chat).replace('GET', 'DELETE')),
  'asks for files': gets([400, 404], (random) =>
    request(
      random.pick(['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/assets/../../package.json', '//', '/\u0000']),
    ),
  ),
  'wants another protocol': gets([400, 404, 200], () =>
    request('/health', undefined, { Connection: 'Upgrade', Upgrade: 'websocket' }),
  ),
  'wants a tunnel': gets([400, 404, 405, 0], () => 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'),
  'is of another host': gets([403], () => request(chat, JSON.stringify(valid), { Host: 'evil.example' })),
}

// ---------------------------------------------------------------------------------------------------------------

/** A client that must get one of these statuses; 0 is an end without an answer. */
function gets(statuses: readonly number[], send: (random: Random) => string | Buffer): Client {
  return async (port, random) => {
    using wire = await open(port)
    wire.socket.write(send(random))
    // Garbage may look like the beginning of something: its end is said.
    if (statuses.includes(0)) wire.socket.end()
    await wire.until((bytes) => firstAnswer(bytes) !== undefined)
    const answer = firstAnswer(wire.received())?.answer
    const status = answer?.status ?? 0
    if (!statuses.includes(status)) {
      throw new Error(`expected ${statuses.join(' or ')}, got ${status}: ${wire.received().slice(0, 300)}`)
    }
  }
}

/** Far more than the server's limit: refused, whether or not all of it could be sent. */
function tooLarge(chunked: boolean): Client {
  return async (port) => {
    using wire = await open(port)
    const head = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(10 * MEBIBYTE) }
    wire.socket.write(
      request(chat, '', { ...head, ...(chunked && { 'Content-Length': '' }) }).replace('Content-Length: \r\n', ''),
    )
    const piece = Buffer.alloc(MEBIBYTE, ' ')
    for (let sent = 0; sent < 10 && !wire.socket.destroyed; sent++) {
      if (chunked) wire.socket.write(`${MEBIBYTE.toString(16)}\r\n`)
      const room = wire.socket.write(piece)
      if (chunked) wire.socket.write('\r\n')
      if (!room) await Promise.race([new Promise((resolve) => wire.socket.once('drain', resolve)), wire.closed])
    }
    await wire.until((bytes) => firstAnswer(bytes) !== undefined)
    const status = firstAnswer(wire.received())?.answer.status
    if (status !== 413 && status !== undefined) throw new Error(`10 MB got ${status}: ${wire.received().slice(0, 300)}`)
  }
}

/** A valid body with one field that is not. */
function mutated(random: Random): object {
  const [field, values] = random.pick(wrongFields)
  return { ...valid, [field]: random.pick(values) }
}

/** What fits it holds itself, and so on. */
const endless = { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }

const wrongFields: readonly (readonly [string, readonly unknown[]])[] = [
  ['messages', [7, 'text', {}, [], [[]], [7], [{ role: 'king', content: '' }], [{ role: 'user', content: [7] }]]],
  ['max_tokens', ['4', -1, 1.5, [], true]],
  ['temperature', ['hot', -1, []]],
  ['stop', [7, [7], {}, new Array(100).fill('a')]],
  ['seed', ['x', {}, []]],
  ['n', [0, 1e9, 'two', []]],
  ['logit_bias', [7, { x: 1 }, { 99999999: 1 }, []]],
  ['response_format', [7, { type: 'xml' }, { type: 'json_schema' }, { type: 'json_object', schema: { $ref: '#' } }]],
  ['response_format', [{ type: 'json_object', schema: endless }]],
  ['tools', [{}, [7], [{ type: 'function' }], new Array(1000).fill({})]],
  ['stream', ['yes', 1]],
  ['speculative', [7, { method: 'none such' }, { method: 'model', path: '/etc/passwd' }]],
  ['grammar', ['root ::= (', '', 7, 'root ::= root', 'root ::= "a" root']],
  ['unknown', [1]],
  ['model', [7, {}]],
]

/** Valid JSON that goes deep, where a list, an object or a schema is wanted. */
function nested(depth: number, random: Random): string {
  const list = '['.repeat(depth) + ']'.repeat(depth)
  const object = '{"items":'.repeat(depth) + '{}' + '}'.repeat(depth)
  const fields = [
    `"messages":${list}`,
    `"messages":[{"role":"user","content":${list}}]`,
    `"messages":[{"role":"user","content":"a"}],"metadata":${object}`,
    `"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object","schema":${object}}`,
    `"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"a","parameters":${object},"strict":true}}]`,
    `"messages":[{"role":"user","content":"a"}],"max_tokens":4,"response_format":{"type":"json_object","schema":{"default":${object},"enum":[${list}]}}`,
  ]
  return `{${random.pick(fields)}}`
}
