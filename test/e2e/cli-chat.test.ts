/** `heterospec chat` over a pipe: each line a turn, commands, errors that do not end the conversation. */
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { cli, startCli, temporaryFolder } from './cli.ts'

const env = { HETEROSPEC_CACHE: join(temporaryFolder(), 'cache') }
const model = inject('modelPath')
const chat = ['chat', '--model', model, '--budget', 'fixed', '--max-tokens', '12']

describe('chat', () => {
  it('answers each line of a pipe and reuses the cache between turns', async () => {
    const ended = await cli(chat, { env, stdin: 'Name a colour.\nAnother one.\n' })
    expect(ended.code).toBe(0)
    const numbers = ended.stderr.trimEnd().split('\n')
    expect(numbers).toHaveLength(2)
    expect(numbers[0]).not.toContain('from the cache')
    expect(numbers[1]).toMatch(/\d+ from the cache/)
    expect(ended.stdout.trim()).not.toBe('')
  })

  it('obeys commands', async () => {
    const lines = [
      '/system Be short.',
      'Name a colour.',
      '/stats',
      '/history',
      '/speculative off',
      '/clear',
      '/history',
    ]
    const ended = await cli([...chat, '--quiet'], { env, stdin: `${lines.join('\n')}\n/exit\nnever asked\n` })
    expect(ended.code).toBe(0)
    expect(ended.stderr).toContain('system text: Be short.')
    expect(ended.stderr).toMatch(/all: {2}\[1 answer, \d+ tokens/)
    expect(ended.stderr).toContain('user: Name a colour.')
    expect(ended.stderr).toContain('speculation: off')
    expect(ended.stderr).toMatch(/forgotten\nsystem: Be short\.\n$/)
    expect(ended.stderr).not.toContain('never asked')
  })

  it('tells what was wrong with a line, goes on, and ends with 1', async () => {
    const lines = ['/speculative magic', '/nonsense', 'word '.repeat(300), 'Hi.']
    const ended = await cli([...chat, '--context', '128'], { env, stdin: lines.join('\n') })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain("for --speculative, got 'magic'")
    expect(ended.stderr).toContain('expected one of /help, /clear')
    expect(ended.stderr).toContain('/clear forgets what was said')
    expect(ended.stdout.trim()).not.toBe('')
  })

  it('stops the answer at Ctrl-C and goes on with the next line', async () => {
    const long = ['chat', '--model', model, '--budget', 'fixed', '--ignore-eos', '--max-tokens', '100000']
    const running = startCli(long, { env, stdin: 'Tell me a long story.\n/history\n' })
    await running.until('stdout', /./)
    running.child.kill('SIGINT')
    const ended = await running.ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(ended.stderr).toContain('[interrupted: ')
    expect(ended.stderr).toContain('assistant: ')
  })
})
