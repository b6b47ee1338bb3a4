import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fakeLlamaServer, processesOf } from '../../../test/fakes/llama-server.ts'
import { fakeNodeLlamaCpp } from '../../../test/fakes/node-llama-cpp.ts'
import { characterTokenizer, fakeServer, json, taskOf } from '../../../test/fakes/servers.ts'
import { processAlive } from '../../util/env.ts'
import { NODE_LLAMA_CPP } from './install.ts'
import { openPeers, type PeerParts } from './peers.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-open-peers-'))
fakeNodeLlamaCpp(folder, NODE_LLAMA_CPP)
const llamaServer = fakeLlamaServer(folder)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const parts: PeerParts = {
  ...{ modelPath: 'm.gguf', threads: 1, context: 64, temperature: 0, folder },
  tokenizer: { ...characterTokenizer, vocabSize: 1000 },
}

describe('peers together', () => {
  it('are opened, decode, and are left out with a sentence where they cannot be', async () => {
    const requests = ['node-llama-cpp/lookup', 'llama-server', 'server']
    const options = { llamaServer, llamaServerArgs: ['--die', '--spec-type x'], serverUrl: 'http://127.0.0.1:1' }
    await using peers = await openPeers(requests, options, parts)
    expect(peers.sides.map(({ info }) => info.name)).toEqual([
      ...['node-llama-cpp', 'node-llama-cpp/lookup', 'llama-server', 'llama-server/--spec-type x'],
    ])
    expect(peers.skipped).toMatchObject([
      { name: 'llama-server/--die', reason: expect.stringMatching(/^expected llama-server\/--die to run, /) as string },
      { name: 'server', reason: expect.stringMatching(/refused connection/) as string },
    ])
    for (const side of peers.sides) expect((await side.run(taskOf('ab'))).tokens[0]).toBeGreaterThan(0)
    if (process.platform !== 'linux') return
    const names = ['node-llama-cpp', 'llama-server', 'llama-server/--spec-type x']
    expect((await peers.peaks()).map(({ program }) => program)).toEqual(names)
    for (const side of peers.sides) await side.run(taskOf('ab'))
    expect(peers.idleShares().map(({ program }) => program)).toEqual([...names, 'heterospec'])
  })

  it('refuses a wrong name before it starts anything', async () => {
    const requests = ['llama-server', 'lama']
    await expect(openPeers(requests, { llamaServer: join(folder, 'missing') }, parts)).rejects.toMatchObject({
      code: 'bad-option',
    })
  })

  it('leaves out who cannot be compared at a temperature, and programs that are not there', async () => {
    await using server = await fakeServer({ '/v1/models': json({ data: [{ id: 'm' }] }) })
    const requests = ['libllama', 'node-llama-cpp', 'server', 'llama-server']
    const options = { serverUrl: server.url, llamaServer: join(folder, 'missing') }
    await using peers = await openPeers(requests, options, { ...parts, temperature: 0.7 })
    expect(peers.sides.map(({ info }) => info.name)).toEqual(['server'])
    expect(peers.skipped.map(({ name, reason }) => [name, reason.replace(folder, '')])).toMatchObject([
      ['libllama', expect.stringMatching(/^expected temperature 0 for libllama, got 0\.7: /)],
      ['node-llama-cpp', expect.stringMatching(/^expected temperature 0 for node-llama-cpp, got 0\.7: /)],
      ['llama-server', 'expected llama-server at /missing, found no such file'],
    ])
    await using none = await openPeers(['node-llama-cpp'], {}, { ...parts, folder: join(folder, 'nowhere') })
    expect(none).toMatchObject({ sides: [], skipped: [{ name: 'node-llama-cpp' }] })
  })

  it('leaves out a speculating side whose plain one is missing', async () => {
    const options = { llamaServer: fakeLlamaServer(folder, '--x'), llamaServerArgs: ['--x'] }
    await using peers = await openPeers(['llama-server'], options, parts)
    expect(peers.sides).toEqual([])
    expect(peers.skipped).toMatchObject([
      { name: 'llama-server', reason: expect.stringMatching(/^expected llama-server to run, it ended/) as string },
      { name: 'llama-server/--x', reason: 'expected llama-server to compare with, it is left out' },
    ])
  })

  it('closes what it has opened when an abort comes, and in the end', async () => {
    const own = fakeLlamaServer(mkdtempSync(join(folder, 'own-')))
    const options = { llamaServer: own, llamaServerArgs: ['--never'] }
    const controller = new AbortController()
    const opened = openPeers(['llama-server'], options, { ...parts, signal: controller.signal })
    const refused = expect(opened).rejects.toMatchObject({ code: 'aborted' })
    // The plain one, and the one that is never ready.
    await expect.poll(() => processesOf(own).length, { timeout: 60_000 }).toBe(2)
    expect(processesOf(own).map(processAlive)).toEqual([true, true])
    controller.abort()
    await refused
    expect(processesOf(own).map(processAlive)).toEqual([false, false])
  })
})
