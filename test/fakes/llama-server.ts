/**
 * A program that behaves like llama-server at its sockets, and badly if its flags say so. Its `/props` tell the flags it
 * was started with; its answers are the prompt backwards.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes the program into a folder and returns its path; `needs`: a flag without which it dies. */
export function fakeLlamaServer(folder: string, needs?: string): string {
  const path = join(folder, `fake-llama-server${needs ?? ''}`)
  writeFileSync(path, `#!${process.execPath}\nconst needs = ${JSON.stringify(needs ?? null)}\n${source}`)
  chmodSync(path, 0o755)
  return path
}

/** Numbers of all processes that have run it so far. */
export function processesOf(path: string): number[] {
  const written = existsSync(`${path}.pids`) ? readFileSync(`${path}.pids`, 'utf8') : ''
  return written.split('\n').slice(0, -1).map(Number)
}

const source = `
const http = require('node:http')
require('node:fs').appendFileSync(__filename + '.pids', process.pid + String.fromCharCode(10))
const flags = process.argv.slice(2)
const value = (name) => flags[flags.lastIndexOf(name) + 1]
const started = Date.now()
console.error('loading')
if (flags.includes('--die') || (needs && !flags.includes(needs))) {
  console.error('error: no such flag')
  process.exit(3)
}
if (flags.includes('--stubborn')) process.on('SIGTERM', () => {})
const server = http.createServer((request, response) => {
  let text = ''
  request.on('data', (piece) => (text += piece))
  request.on('end', () => {
    const body = text ? JSON.parse(text) : {}
    const answer = answers[request.url]?.(body, response) ?? [404, {}]
    const events = typeof answer[1] === 'string'
    response.writeHead(answer[0], { 'content-type': events ? 'text/event-stream' : 'application/json' })
    response.end(events ? answer[1] : JSON.stringify(answer[1]))
  })
})
const answers = {
  '/health': () => {
    if (flags.includes('--never')) require('node:fs').writeFileSync(__filename + '.asked', '')
    return Date.now() - started < Number(value('--load-ms') ?? 0) || flags.includes('--never') ? [503, {}] : [200, {}]
  },
  '/props': () => [200, {
    default_generation_settings: { n_ctx: Number(value('--ctx-size')) },
    build_info: flags.join(' '),
    model_path: value('--model'),
  }],
  '/tokenize': ({ content }) => [200, { tokens: Array.from(content, (character) => character.codePointAt(0)) }],
  '/v1/chat/completions': ({ messages }) => {
    const text = messages.at(-1).content.split('').reverse().join('')
    const choice = (delta, finish_reason) => ({ choices: [{ delta, finish_reason }] })
    const end = { choices: [], usage: { completion_tokens: text.length }, timings: { prompt_ms: 0.5 } }
    const chunks = [choice({ content: text }, null), choice({}, 'stop'), end].map((chunk) => JSON.stringify(chunk))
    const gap = String.fromCharCode(10, 10)
    return [200, [...chunks, '[DONE]'].map((chunk) => 'data: ' + chunk + gap).join('')]
  },
  '/completion': ({ prompt }, response) => {
    if (flags.includes('--crash')) {
      console.error('GGML_ASSERT failed')
      process.kill(process.pid, 'SIGABRT')
    }
    // As after a crash on a busy machine: the end of the process comes long after that of the connection.
    if (flags.includes('--crash-slowly')) {
      response.destroy()
      setTimeout(() => process.exit(4), 1000)
    }
    const tokens = prompt.toReversed()
    const timings = { prompt_ms: 1, predicted_n: tokens.length, predicted_ms: 1 }
    return [200, { tokens, stop_type: 'limit', timings }]
  },
}
server.listen(Number(value('--port')), value('--host'))
`
