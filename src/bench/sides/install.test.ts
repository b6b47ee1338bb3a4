import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fakeNodeLlamaCpp } from '../../../test/fakes/node-llama-cpp.ts'
import { packageRoot } from '../../util/package.ts'
import { locateNodeLlamaCpp, NODE_LLAMA_CPP, peerFolder } from './install.ts'

const scratch = mkdtempSync(join(tmpdir(), 'heterospec-install-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** An npm that does what `source` says; `folder` is where it was told to install. */
function npm(name: string, source: string): string {
  const path = join(scratch, name)
  const preamble = "const fs = require('node:fs'); const folder = process.argv[process.argv.indexOf('--prefix') + 1]"
  writeFileSync(path, `#!${process.execPath}\n${preamble}\n${source}\n`)
  chmodSync(path, 0o755)
  return path
}

function folder(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path)
  return path
}

describe('node-llama-cpp on disk', () => {
  it('is of the release whose libraries we depend on', () => {
    const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
      dependencies: object
      optionalDependencies: Record<string, string>
    }
    expect(new Set(Object.values(manifest.optionalDependencies))).toEqual(new Set([NODE_LLAMA_CPP]))
    expect(JSON.stringify(manifest)).not.toContain('"node-llama-cpp"')
  })

  it('lies in a working copy below bench, else in the cache', () => {
    expect(peerFolder(packageRoot(), '/cache')).toBe(join(packageRoot(), 'bench', 'peers'))
    expect(peerFolder(folder('installed'), '/cache')).toBe('/cache/peers')
  })

  it('is used as it is, and missed with a sentence when nobody asked for it', async () => {
    const place = folder('there')
    await expect(locateNodeLlamaCpp(place, { install: false })).rejects.toMatchObject({
      code: 'peer-failed',
      message: `expected node-llama-cpp ${NODE_LLAMA_CPP} in ${place}, found none; add --install to fetch it with npm`,
    })
    fakeNodeLlamaCpp(place, '3.0.0')
    await expect(locateNodeLlamaCpp(place, { install: false })).rejects.toThrow('found version 3.0.0')
    fakeNodeLlamaCpp(place, NODE_LLAMA_CPP)
    const entry = await locateNodeLlamaCpp(place, { install: true, npm: '/not/called' })
    expect(entry).toMatch(/^file:.*node-llama-cpp\/index\.js$/)
  })

  it('is fetched with npm into a folder of its own, exactly, without scripts', async () => {
    const place = join(scratch, 'new', 'peers')
    const manifest = JSON.stringify({ version: NODE_LLAMA_CPP, type: 'module', exports: { '.': './index.js' } })
    const source = `
      const own = folder + '/node_modules/node-llama-cpp'
      fs.mkdirSync(own, { recursive: true })
      fs.writeFileSync(own + '/package.json', '${manifest}')
      fs.writeFileSync(own + '/index.js', '')
      fs.writeFileSync(folder + '/called', process.argv.slice(2).join(' '))`
    let told = 0
    await locateNodeLlamaCpp(place, { install: true, npm: npm('good', source), onInstall: () => (told += 1) })
    expect(told).toBe(1)
    const called = readFileSync(join(place, 'called'), 'utf8')
    expect(called).toMatch(/^install --prefix .* --save-exact .*--ignore-scripts --omit=optional/)
    expect(called).toMatch(/ node-llama-cpp@3\.22\.1 @node-llama-cpp\/[\w-]+@3\.22\.1$/)
    // Its own manifest keeps npm from climbing up to that of a project around it.
    expect(existsSync(join(place, 'package.json'))).toBe(true)
  })

  it('is told in a sentence why it could not be fetched', async () => {
    const failing = npm('failing', "console.error('npm error network\\nnpm error down'); process.exit(1)")
    await expect(locateNodeLlamaCpp(folder('a'), { install: true, npm: failing })).rejects.toThrow(
      'expected npm to install node-llama-cpp 3.22.1, it failed: npm error network | npm error down; check the network',
    )
    const hanging = npm('hanging', 'setInterval(() => {}, 1000)')
    await expect(locateNodeLlamaCpp(folder('b'), { install: true, npm: hanging, limitMs: 1000 })).rejects.toThrow(
      /it took longer than 1 s; check the network and try again/,
    )
    await expect(locateNodeLlamaCpp(folder('c'), { install: true, npm: '/no/npm' })).rejects.toThrow(
      /found no program "\/no\/npm"; install Node\.js with npm/,
    )
    await expect(locateNodeLlamaCpp(folder('d'), { install: true, npm: npm('idle', '') })).rejects.toThrow(
      /expected npm to leave node-llama-cpp 3\.22\.1 .*found none; remove it/,
    )
    const signal = AbortSignal.timeout(200)
    await expect(locateNodeLlamaCpp(folder('e'), { install: true, npm: hanging, signal })).rejects.toMatchObject({
      code: 'aborted',
    })
  })
})
