/** What docs/guide/server.md says of `heterospec serve` without a model, against that command. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startCli } from './cli.ts'

const guide = readFileSync('docs/guide/server.md', 'utf8')

it('the line, the models and the requests of the guide are those of the default server', async () => {
  const running = startCli(['serve', '--port', '0', '--quiet', '--threads', '1', '--speculative', 'off'], {
    env: { HETEROSPEC_API_KEYS: '' },
  })
  await running.until('stdout', /listening on .*\n/)
  const url = /http:\S+/.exec(running.said.stdout)?.[0] ?? ''
  const line = running.said.stdout.trim().replace(url, 'http://127.0.0.1:8080')
  expect(guide).toContain(`\n${line}\n`)

  const names = new Set([...guide.matchAll(/\bmodel(?:: |=)["']([^"']+)["']/g)].map((match) => match[1] ?? ''))
  names.delete('model') // of the example with a file
  expect([...names]).toEqual(['smollm2'])
  for (const model of [...names, 'smollm2-135m', 'default', undefined]) {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Why is the sky blue?' }], max_tokens: 1 })
    const headers = { 'Content-Type': 'application/json' }
    const answered = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
    expect({ model, status: answered.status }).toEqual({ model, status: 200 })
  }
  running.child.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 0 })
})
