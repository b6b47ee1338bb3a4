/**
 * Hostile files through the real loader: each is refused with a sentence or used, and none ends the process. ggml and
 * libllama abort on what they do not expect, so this runs in a child process.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('no hostile file ends the process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heterospec-hostile-'))
  const script = fileURLToPath(new URL('load-hostile.ts', import.meta.url))
  const child = spawnSync(process.execPath, ['--import', 'tsx', script, folder], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  rmSync(folder, { recursive: true })
  const lines = child.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { name?: string; outcome?: string; trying?: string })
  const lastTried = lines.findLast((line) => line.trying !== undefined)?.trying
  expect(child.status, `ended by ${child.signal ?? ''} at "${lastTried}": ${child.stderr.slice(-2000)}`).toBe(0)
  const outcomes = lines.filter((line) => line.outcome !== undefined)
  expect(outcomes.length).toBeGreaterThanOrEqual(1000)
  expect(outcomes.filter((line) => !/^used$|^refused: [a-z-]+ .*expected .+; .+/s.test(line.outcome ?? ''))).toEqual([])
  const used = outcomes.filter((line) => line.outcome === 'used').length
  console.log(`hostile files: ${outcomes.length} tried, ${outcomes.length - used} refused, ${used} used`)
})
