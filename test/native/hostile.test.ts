/**
 * Hostile files through the real loader: each is refused with a sentence or used, and none ends the process. ggml and
 * libllama abort on what they do not expect, so this runs in a child process.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('no hostile file ends the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-hostile-'))
  const script = fileURLToPath(new URL('load-hostile.ts', import.meta.url))
  const child = await run(['--import', 'tsx', script, folder])
  rmSync(folder, { recursive: true })
  const lines = child.said
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { name?: string; outcome?: string; trying?: string })
  const lastTried = lines.findLast((line) => line.trying !== undefined)?.trying
  expect(child.status, `ended by ${child.signal ?? ''} at "${lastTried}": ${child.complained.slice(-2000)}`).toBe(0)
  const outcomes = lines.filter((line) => line.outcome !== undefined)
  expect(outcomes.length).toBeGreaterThanOrEqual(1000)
  expect(outcomes.filter((line) => !/^used$|^refused: [a-z-]+ .*expected .+; .+/s.test(line.outcome ?? ''))).toEqual([])
  const used = outcomes.filter((line) => line.outcome === 'used').length
  console.log(`hostile files: ${outcomes.length} tried, ${outcomes.length - used} refused, ${used} used`)
})

async function run(args: readonly string[]) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text))
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal, said, complained }
}
