import { appendFileSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openCheckpoint, type FinishedTurn } from './checkpoint.ts'

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'heterospec-checkpoint-'))
const kept = { fresh: false }
const finished = (id: number): FinishedTurn => ({
  turn: {
    ...{ id, category: 'a', group: 'a', turn: 0, promptTokens: 3 },
    ...{ referenceMs: 1, load: 0, drifted: false, rows: [] },
  },
  answer: `answer ${id}`,
  samples: [],
})
const fill = (folder: string, identity: unknown, ids: readonly number[]): void => {
  using checkpoint = openCheckpoint(folder, identity, kept)
  for (const id of ids) checkpoint.add(finished(id))
}
const fileIn = (folder: string): string => join(folder, 'bench', readdirSync(join(folder, 'bench'))[0] as string)

it('remembers finished turns of the same run only', () => {
  const folder = newFolder()
  fill(folder, { model: 'a' }, [1, 2])
  using same = openCheckpoint(folder, { model: 'a' }, kept)
  using other = openCheckpoint(folder, { model: 'b' }, kept)
  expect(same.finished).toEqual([finished(1), finished(2)])
  expect(other.finished).toEqual([])
})

it('drops a line that was torn by a kill, and writes on after it', () => {
  const folder = newFolder()
  fill(folder, 'run', [1])
  appendFileSync(fileIn(folder), '{"turn": {"id": 2, "cat')
  fill(folder, 'run', [3])
  using again = openCheckpoint(folder, 'run', kept)
  expect(again.finished).toEqual([finished(1), finished(3)])
})

it('forgets when told to, and when the run is complete', () => {
  const folder = newFolder()
  fill(folder, 'run', [1])
  {
    using fresh = openCheckpoint(folder, 'run', { fresh: true })
    expect(fresh.finished).toEqual([])
    fresh.add(finished(5))
    fresh.remove()
  }
  using again = openCheckpoint(folder, 'run', kept)
  expect(again.finished).toEqual([])
})

it('refuses a second run of the same work while the first one lives, and takes over from a dead one', () => {
  const folder = newFolder()
  {
    using first = openCheckpoint(folder, 'run', kept)
    expect(first.finished).toEqual([])
    expect(() => openCheckpoint(folder, 'run', kept)).toThrow(`got process ${process.pid} at the same work`)
  }
  fill(folder, 'run', [1])
  writeFileSync(`${fileIn(folder)}.lock`, '4194304') // no process has this number
  using after = openCheckpoint(folder, 'run', kept)
  expect(after.finished).toEqual([finished(1)])
})

it('says where it could not write', () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  expect(() => openCheckpoint(file, 'run', kept)).toThrow('expected to note finished work in')
})
