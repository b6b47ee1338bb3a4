import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNote, writeNote } from './notes.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heterospec-notes-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('notes', () => {
  it('are read as they were written, and leave nothing else behind', () => {
    writeNote(join(folder, 'deep', 'down'), 'one', { a: [1, 2] })
    expect(readNote(join(folder, 'deep', 'down'), 'one')).toEqual({ a: [1, 2] })
    expect(readdirSync(join(folder, 'deep', 'down'))).toEqual(['one.json'])
  })

  it('that are missing or torn count as none', () => {
    expect(readNote(folder, 'missing')).toBeUndefined()
    writeFileSync(join(folder, 'torn.json'), '{"a": [')
    expect(readNote(folder, 'torn')).toBeUndefined()
  })

  it('that cannot be written are no error', () => {
    writeFileSync(join(folder, 'occupied'), '')
    expect(() => writeNote(join(folder, 'occupied'), 'one', 1)).not.toThrow()
  })
})
