import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { AppendingFile } from './appending-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-appending-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function append(path: string, line: string): Promise<void> {
  await using file = await AppendingFile.open(path, { flag: '--trace', onFailure: (why) => expect.fail(why) })
  file.write(line)
}

describe('an appending file', () => {
  it('is its owner’s alone, also where it was there before and others could read it', async () => {
    const path = join(folder, 'old')
    writeFileSync(path, 'before\n')
    chmodSync(path, 0o644)
    await append(path, 'after\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe('before\nafter\n')
  })

  it('leaves devices as they are', async () => {
    const before = statSync('/dev/null').mode
    await append('/dev/null', 'gone\n')
    expect(statSync('/dev/null').mode).toBe(before)
  })
})
