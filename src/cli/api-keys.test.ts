import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readEnvironment } from '../util/env.ts'
import { readApiKeys } from './api-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fromFile(text: string): string[] {
  const apiKeyFile = join(folder, 'keys')
  writeFileSync(apiKeyFile, text)
  return readApiKeys({ apiKey: [], apiKeyFile }, readEnvironment({}))
}
function fromVariable(HETEROSPEC_API_KEYS: string): string[] {
  return readApiKeys({ apiKey: [] }, readEnvironment({ HETEROSPEC_API_KEYS }))
}

describe('keys', () => {
  it('come from flags, file and environment', () => {
    const apiKeyFile = join(folder, 'some')
    writeFileSync(apiKeyFile, 'two\r\n\n')
    const environment = readEnvironment({ HETEROSPEC_API_KEYS: 'three, four' })
    expect(readApiKeys({ apiKey: ['one'], apiKeyFile }, environment)).toEqual(['one', 'two', 'three', 'four'])
  })

  it('of a file are none of its comments', () => {
    expect(fromFile('# for the proxy\none\n  #two\nthree#3\n')).toEqual(['one', 'three#3'])
    expect(() => fromFile('# none yet\n')).toThrow('expected a key per line')
  })

  it('of the environment are wanted where the variable says something', () => {
    expect(fromVariable('')).toEqual([])
    expect(() => fromVariable(' , ')).toThrow('expected keys in HETEROSPEC_API_KEYS')
    expect(() => fromVariable(' ')).toThrow('expected keys in HETEROSPEC_API_KEYS')
  })

  it.each(['pass word', 'schlüssel', 'a\u0007b', '\u00a0x'.repeat(2)])(
    'that no client can show are refused: %j',
    (key) => {
      for (const read of [
        fromFile,
        fromVariable,
        (text: string) => readApiKeys({ apiKey: [text] }, readEnvironment({})),
      ]) {
        const refusal = /^expected keys of visible ASCII characters without blanks, got .*; write another one$/
        expect(() => read(key)).toThrow(refusal)
        expect(() => read(key)).not.toThrow(key)
      }
    },
  )
})
