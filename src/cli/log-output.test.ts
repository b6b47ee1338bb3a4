import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LogOutput } from './log-output.ts'

const line = `${'x'.repeat(999)}\n`

describe('a log without a reader', () => {
  it('takes bounded memory, tells of its loss, and goes on when somebody reads', async () => {
    const stream = new PassThrough()
    const log = new LogOutput(stream)
    for (let i = 0; i < 5000; i++) log.write(line)
    expect(stream.writableLength).toBeLessThan(1_100_000)
    expect(await log.settle(1)).toBe(false)
    let read = ''
    stream.setEncoding('utf8').on('data', (text: string) => (read += text))
    expect(await log.settle(60_000)).toBe(true)
    log.write('last\n')
    const lost = Number(/(\d+) lines of the log were lost/.exec(read)?.[1])
    expect(read.endsWith('read them\nlast\n')).toBe(true)
    expect(lost + (read.match(/x\n/g)?.length ?? 0)).toBe(5000)
  })
})
