import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processId } from './env.ts'
import { takePidLock } from './pid-lock.ts'

describe('takePidLock', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'heterospec-pid-lock-'))
    path = join(folder, 'work.lock')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const refusal = (owner: number): string => `process ${owner} is at work`

  it('holds until it is given back, and leaves nothing', () => {
    {
      using lock = takePidLock(path, refusal)
      expect(lock).toBeDefined()
      expect(() => takePidLock(path, refusal)).toThrow(`process ${processId()} is at work`)
      expect(readdirSync(folder)).toEqual(['work.lock'])
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    ['a process that ended', '4194305'],
    ['nobody', ''],
    ['no number', 'x'],
  ])('is taken from %s', (_, owner) => {
    writeFileSync(path, owner)
    using lock = takePidLock(path, refusal)
    expect(lock).toBeDefined()
    expect(() => takePidLock(path, refusal)).toThrow(`process ${processId()}`)
  })

  it.runIf(process.platform === 'linux')(
    'is taken from a process that ended and whose parent does not care',
    async () => {
      // The shell starts a child and becomes another program, which never asks how the child ended.
      const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 600'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      try {
        const [said] = (await once(parent.stdout, 'data')) as [Buffer]
        writeFileSync(path, said.toString())
        await expect.poll(() => takeOnce(path)).toBe(true)
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  it('has one holder, however many find a dead one at the same moment', async () => {
    const program = join(folder, 'race.mts')
    writeFileSync(program, race)
    const source = join(import.meta.dirname, 'pid-lock.ts')
    const args = ['--import', 'tsx', program, source, path]
    const racers = [1, 2, 3].map(() => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
    const ends = await Promise.all(
      racers.map(async (racer) => {
        let said = ''
        racer.stdout.on('data', (data: Buffer) => (said += data.toString()))
        await once(racer, 'close')
        return JSON.parse(said) as { taken: number; shared: number }
      }),
    )
    expect(ends.reduce((sum, { taken }) => sum + taken, 0)).toBeGreaterThan(0)
    expect(ends.map(({ shared }) => shared)).toEqual([0, 0, 0])
  })

  function takeOnce(at: string): boolean {
    try {
      takePidLock(at, refusal)[Symbol.dispose]()
      return true
    } catch {
      return false
    }
  }
})

/** Takes the lock again and again, as often from a dead owner; counts how often somebody else was inside as well. */
const race = `
import { renameSync, rmSync, writeFileSync } from 'node:fs'
const [, , source, path] = process.argv
const { takePidLock } = await import(source)
let taken = 0
let shared = 0
for (const until = performance.now() + 1000; performance.now() < until;) {
  let lock
  try {
    lock = takePidLock(path, () => 'busy')
  } catch (error) {
    if (error.code !== 'busy') throw error
    continue
  }
  taken++
  try {
    writeFileSync(path + '.inside', '', { flag: 'wx' })
    rmSync(path + '.inside')
  } catch {
    shared++
  }
  // Every other time it is left behind as a process would that was killed.
  if (taken % 2 === 0) {
    writeFileSync(path + '.dead.' + process.pid, '4194305')
    renameSync(path + '.dead.' + process.pid, path)
  }
  else lock[Symbol.dispose]()
}
console.log(JSON.stringify({ taken, shared }))
`
