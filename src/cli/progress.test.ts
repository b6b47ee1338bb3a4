import { PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { createProgress, createPullReport, type ProgressOutput } from './progress.ts'

function output(isTTY: boolean): { stream: ProgressOutput; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120 })
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { stream, text: () => text }
}

describe('createProgress', () => {
  it('writes a line now and then where there is no terminal', () => {
    const { stream, text } = output(false)
    const progress = createProgress('loading', 'bytes', { output: stream, lineMs: 0 })
    progress.update(0, 0)
    progress.update(45_300_000, 98_400_000)
    progress.note('half of it')
    progress.stop()
    progress.update(1, 2)
    expect(text()).toBe('loading: 0 B\nloading: 45.3 MB of 98.4 MB (46 %)\nhalf of it\n')
  })

  it('says nothing about what is done at once', () => {
    // The clock stands still: at once is at once.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000)
    for (const isTTY of [true, false]) {
      const { stream, text } = output(isTTY)
      const progress = createProgress('loading', 'count', { output: stream })
      progress.update(1, 2)
      progress.update(2, 2)
      progress.stop()
      expect(text()).toBe('')
    }
    clock.mockRestore()
  })

  it('draws a bar on a terminal and removes it', async () => {
    const { stream, text } = output(true)
    const progress = createProgress('loading', 'bytes', { output: stream, delayMs: 0 })
    progress.update(50, 200)
    await expect.poll(text).toContain('loading [======------------------] 25% | 50 B of 200 B | ? left')
    progress.stop()
    // The end of a removed bar: cursor back, line cleared.
    expect(text().endsWith('\x1b[2K')).toBe(true)
  })
})

describe('createPullReport', () => {
  it('tells that another process is waited for, once', () => {
    const { stream, text } = output(false)
    const report = createPullReport({ output: stream })
    expect(report.started).toBe(false)
    for (let i = 0; i < 2; i++) report.onProgress({ phase: 'wait', file: 'tiny', done: 0, total: 0 })
    expect(text()).toBe('another process is pulling tiny; waiting for it\n')
    expect(report.started).toBe(true)
    report.stop()
  })

  it('shows each phase under its name', () => {
    const { stream, text } = output(false)
    const report = createPullReport({ output: stream, lineMs: 0 })
    report.onProgress({ phase: 'resolve', file: 'tiny', done: 0, total: 100 })
    report.onProgress({ phase: 'download', file: 'tiny.gguf', done: 50, total: 100 })
    report.onProgress({ phase: 'verify', file: 'tiny.gguf', done: 100, total: 100 })
    report.stop()
    expect(text()).toBe('pulling tiny.gguf: 50 B of 100 B (50 %)\nchecking tiny.gguf: 100 B of 100 B (100 %)\n')
  })
})
