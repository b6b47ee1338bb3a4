import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { filePrint } from './file-print.ts'

const folder = mkdtempSync(join(tmpdir(), 'heterospec-print-'))
const save = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

it('is that of the contents, not of the name', () => {
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 251)
  const print = filePrint(save('a', bytes))
  expect(print).toMatch(/^[0-9a-f]{32}$/)
  expect(filePrint(save('b', bytes))).toBe(print)
  expect(
    filePrint(
      save(
        'c',
        bytes.map((byte) => byte ^ 1),
      ),
    ),
  ).not.toBe(print)
  expect(filePrint(save('d', bytes.subarray(1)))).not.toBe(print)
})

it('reads small and empty files whole', () => {
  const prints = [[], [1], [2], [1, 2]].map((bytes, i) => filePrint(save(`small ${i}`, Uint8Array.from(bytes))))
  expect(new Set(prints).size).toBe(4)
})
