import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readPrompt } from './prompt.ts'

const stdin = (...bytes: number[]): Readable => Readable.from([Uint8Array.from(bytes)])
const text = (content: string): Readable => Readable.from([new TextEncoder().encode(content)])
const terminal = Object.assign(text(''), { isTTY: true })

describe('readPrompt', () => {
  it('takes the argument as it is', async () => {
    expect(await readPrompt({ argument: 'hi \n', file: undefined, stdin: terminal })).toBe('hi \n')
  })

  it('reads standard input for a dash, and when nothing was named', async () => {
    expect(await readPrompt({ argument: '-', file: undefined, stdin: text('a\nb\n') })).toBe('a\nb')
    expect(await readPrompt({ argument: undefined, file: undefined, stdin: text('a\r\n') })).toBe('a')
  })

  it('joins a character that two chunks share', async () => {
    const halves = Readable.from([Uint8Array.of(0xc3), Uint8Array.of(0xa9)])
    expect(await readPrompt({ argument: '-', file: undefined, stdin: halves })).toBe('é')
  })

  it('reads a file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'heterospec-')), 'prompt.txt')
    writeFileSync(file, 'from a file\n')
    expect(await readPrompt({ argument: undefined, file, stdin: terminal })).toBe('from a file')
  })

  it('refuses no prompt, an empty one and two', async () => {
    const none = readPrompt({ argument: undefined, file: undefined, stdin: terminal })
    await expect(none).rejects.toThrow('expected a prompt, got none')
    await expect(readPrompt({ argument: '', file: undefined, stdin: terminal })).rejects.toThrow('got an empty one')
    await expect(readPrompt({ argument: 'a', file: 'b', stdin: terminal })).rejects.toThrow('expected one prompt')
  })

  it('refuses bytes that are not UTF-8 and files that are not there', async () => {
    const latin = readPrompt({ argument: '-', file: undefined, stdin: stdin(0x66, 0xfc) })
    await expect(latin).rejects.toMatchObject({ code: 'bad-prompt' })
    const missing = readPrompt({ argument: undefined, file: '/nowhere/prompt', stdin: terminal })
    await expect(missing).rejects.toThrow(/expected a readable prompt file, got \/nowhere\/prompt/)
  })
})
