/** The program as its users meet it: real processes, exit codes, streams, signals. */
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import {
  cli as run,
  lastLine,
  startCli as start,
  temporaryFolder,
  textOf,
  untilTrue,
  type CliOptions,
  type Ended,
} from './cli.ts'

const folder = temporaryFolder()
const model = inject('modelPath')
const env = { HETEROSPEC_CACHE: join(folder, 'cache') }
const cli = (args: readonly string[], options: CliOptions = {}): Promise<Ended> => run(args, { env, ...options })
const startCli = (args: readonly string[], options: CliOptions = {}) => start(args, { env, ...options })
/** `fixed` needs no prices, so nothing is measured. */
const answer = ['run', '--model', model, '--budget', 'fixed']
/** As many tokens as asked for, whatever the processor's rounding makes of the text. */
const whole = [...answer, '--ignore-eos']
/** An answer that is not over before the context is full: somebody may be late to end it. */
const story = [...answer, '--ignore-eos', '--max-tokens', '100000', 'Tell me a long story about a ship.']

interface Document {
  readonly text: string
  readonly tokens: readonly number[]
  readonly finishReason: string
  readonly timings: Readonly<Record<string, number>>
  readonly speculation: Readonly<Record<string, unknown>>
}

const json = async (...args: string[]): Promise<Document> => {
  const ended = await cli([...whole, '--json', ...args])
  expect(ended).toMatchObject({ code: 0 })
  return lastLine(ended.stdout) as Document
}

describe('wrong use ends with 2 and one sentence', () => {
  it.each([
    [['rnu', 'hi'], "unknown command 'rnu' (did you mean run?)"],
    [['run', '--temprature', '1', 'hi'], "unknown option '--temprature' (did you mean --temperature?)"],
    [['run', 'hi', 'there'], 'too many arguments'],
    [['run', '--temperature', 'hot', 'hi'], "for --temperature, got 'hot'; leave it out for the default (0)"],
    [['run', '--max-tokens', '-1', 'hi'], "expected a whole number of at least 0 for --max-tokens, got '-1'"],
    [['run', '--speculative', 'magic', 'hi'], "for --speculative, got 'magic'"],
    [['run', '--speculative', 'off', '--lookup-max-ngram', '3', 'hi'], 'got --lookup-max-ngram'],
    [['run', '--raw', '--system', 'x', 'hi'], 'expected a chat for --system, got --raw'],
    [['run', '--trace', '/nowhere/trace', 'hi'], 'expected a file that can be written for --trace'],
    [['run', ''], 'expected a prompt, got an empty one'],
    [['run'], 'expected a prompt, got an empty one'],
  ])('%j', async (args, sentence) => {
    const ended = await cli(args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(sentence)
    expect(ended.stderr).toMatch(/^heterospec: [^\n]*\n$/)
  })
})

describe('what is not there or broken ends with 1 and one sentence', () => {
  const broken = (name: string): string => join(folder, name)

  it('a prompt file that is not UTF-8', async () => {
    writeFileSync(broken('latin.txt'), Uint8Array.of(0x66, 0xfc, 0x72))
    const ended = await cli([...answer, '--file', broken('latin.txt')])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected UTF-8 text, got bytes of another encoding in .*\n$/)
  })

  it('bytes on standard input that are not UTF-8', async () => {
    const ended = await cli([...answer, '-'], { stdin: Uint8Array.of(0xff) })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
  })

  it('a prompt file and a model file that are missing', async () => {
    const prompt = await cli([...answer, '--file', '/nowhere/prompt.txt'])
    expect(prompt).toMatchObject({ code: 1, stdout: '' })
    expect(prompt.stderr).toMatch(/^heterospec: expected a readable prompt file, got \/nowhere\/prompt.txt .*\n$/)
    const missing = await cli(['run', '--model', '/nowhere/model.gguf', 'hi'])
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toMatch(/^heterospec: expected a GGUF file at \/nowhere\/model.gguf.*\n$/)
  })

  it('a model file that was cut short, and one that is no model', async () => {
    copyFileSync(model, broken('cut.gguf'))
    truncateSync(broken('cut.gguf'), 50_000_000)
    writeFileSync(broken('text.gguf'), 'this is not a model')
    for (const name of ['cut.gguf', 'text.gguf']) {
      const ended = await cli(['run', '--model', broken(name), 'hi'])
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toMatch(/^heterospec: .*expected.*\n$/)
    }
  })

  it('a library folder that is missing', async () => {
    const ended = await cli([...answer, 'hi'], { env: { ...env, HETEROSPEC_LIBRARY: '/nowhere' } })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected ggml libraries in \/nowhere.*\n$/)
  })

  it('shows where an error came from with --verbose', async () => {
    const ended = await cli(['run', '--model', '/nowhere/model.gguf', '--verbose', 'hi'])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/\n {4}at /)
  })

  it('a prompt longer than the context, with both numbers, before any work', async () => {
    const ended = await cli([...answer, '--context', '64', 'word '.repeat(200)])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^heterospec: expected a prompt of at most 64 tokens .* got \d+; .*\n$/)
  })
})

describe('help and version', () => {
  it('say what there is and end with 0', async () => {
    const version = await cli(['--version'])
    expect(version).toMatchObject({ code: 0, stderr: '' })
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    const help = await cli(['--help'])
    expect(help.code).toBe(0)
    for (const name of ['run', 'chat', 'pull', 'models', 'inspect', 'doctor'])
      expect(help.stdout).toContain(`  ${name}`)
    const flags = await cli(['run', '--help'])
    expect(flags.code).toBe(0)
    for (const flag of ['--temperature <number>', '--lookup-max-ngram', '--goodput-max-nodes', '--draft-model']) {
      expect(flags.stdout).toContain(flag)
    }
  })
})

describe('run', () => {
  it('streams the answer to stdout and the numbers to stderr', async () => {
    const ended = await cli([...whole, '--max-tokens', '16', 'Name three colours.'])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(/\w+.*\n$/s)
    expect(ended.stderr).toMatch(
      /\[16 tokens, [\d.]+ tokens\/s, tau \d\.\d\d, acceptance \d+ % .*first token \d+ ms.*\]\n$/,
    )
    expect((await cli([...answer, '--quiet', '--max-tokens', '4', 'Hi'])).stderr).toBe('')
  })

  it('reads the same prompt from an argument, a file, a dash and a pipe', async () => {
    const prompt = 'Say hello.'
    writeFileSync(join(folder, 'prompt.txt'), `${prompt}\n`)
    const flags = [...answer, '--quiet', '--max-tokens', '8']
    const ways = [
      await cli([...flags, prompt]),
      await cli([...flags, '--file', join(folder, 'prompt.txt')]),
      await cli([...flags, '-'], { stdin: `${prompt}\n` }),
      await cli(flags, { stdin: `${prompt}\n` }),
    ]
    expect(new Set(ways.map(({ stdout }) => stdout)).size).toBe(1)
    expect(ways.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  })

  it('prints one document as the last line with --json', async () => {
    const document = await json('--max-tokens', '12', 'Name three colours.')
    expect(document.tokens).toHaveLength(12)
    expect(document.finishReason).toBe('length')
    expect(document.timings).toMatchObject({ predicted_n: 12, cache_n: 0 })
    for (const name of [
      'prompt_n',
      'prompt_ms',
      'predicted_ms',
      'predicted_per_second',
      'draft_n',
      'draft_n_accepted',
    ]) {
      expect(document.timings[name]).toBeTypeOf('number')
    }
    expect(document.speculation).toMatchObject({ drafter: 'combined', budget: 'fixed', lossless: true })
    for (const name of ['rounds', 'drafted', 'accepted', 'tau']) {
      expect(document.speculation[name]).toBeTypeOf('number')
    }
  })

  it('writes nothing for --max-tokens 0', async () => {
    const ended = await cli([...answer, '--max-tokens', '0', 'Hi'])
    expect(ended).toMatchObject({ code: 0, stdout: '' })
    expect(await json('--max-tokens', '0', 'Hi')).toMatchObject({ text: '', tokens: [], finishReason: 'length' })
  })

  it('gives the same tokens whoever drafts, greedy and with a seed', async () => {
    const prompt = 'Repeat this twice: red, green, blue, yellow.'
    for (const sampling of [[], ['--temperature', '0.8', '--seed', '7']]) {
      const plain = await json('--speculative', 'off', '--max-tokens', '32', ...sampling, prompt)
      expect(plain.speculation).toMatchObject({ drafter: 'none', drafted: 0 })
      for (const name of ['lookup', 'recycling', 'auto']) {
        const drafted = await json('--speculative', name, '--max-tokens', '32', ...sampling, prompt)
        expect(drafted.tokens).toEqual(plain.tokens)
        expect(drafted.speculation['drafted']).toBeGreaterThan(0)
      }
    }
  })

  it('writes one line of JSON per round with --trace', async () => {
    const file = join(folder, 'trace.jsonl')
    const document = await json('--trace', file, '--max-tokens', '24', 'Count: one two three one two three one two')
    const rounds = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { round: number; emitted: number[]; tree: { tokens: number[]; parents: number[] } },
      )
    expect(rounds).toHaveLength(document.speculation['rounds'] as number)
    // The first token comes from the prompt's pass, all others from rounds.
    expect(rounds.flatMap(({ emitted }) => emitted)).toEqual(document.tokens.slice(1))
    for (const { tree } of rounds) expect(tree.tokens).toHaveLength(tree.parents.length)
  })

  it('says with --explain, and writes with --trace, why each round was drafted so', async () => {
    const file = join(folder, 'why.jsonl')
    const budget = ['--speculative', 'lookup', '--budget', 'heterospec', '--heterospec-total-tokens', '6']
    const flags = ['--explain', '--trace', file, '--max-tokens', '16', '--quiet']
    const ended = await cli([
      'run',
      '--model',
      model,
      ...budget,
      ...flags,
      'Count: one two three one two three one two',
    ])
    expect(ended.code).toBe(0)
    const rounds = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { drafted: number; why?: Record<string, unknown> })
    const lines = ended.stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(rounds.length)
    expect(rounds.some(({ drafted }) => drafted > 0)).toBe(true)
    rounds.forEach(({ drafted, why }, round) => {
      // A copied text comes without probabilities: the tree is EAGLE's.
      const reason = drafted > 0 ? `bin unknown, levels ${String(why?.['levels'])}, nodes` : 'decoded plainly'
      expect(lines[round]).toContain(`round ${round}: ${reason}`)
    })
    const wrong = await cli(['run', '--model', model, '--budget', 'heterospec', '--heterospec-edges', '3,1', 'Hi'])
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    const expected = 'expected a list of at most seven rising numbers of at least 0'
    expect(wrong.stderr).toContain(`${expected} for --heterospec-edges, got '3,1'`)
  })

  it('colours drafted tokens when told to, and says why not', async () => {
    const flags = [...answer, '--highlight', '--max-tokens', '32', 'Repeat: one two three one two three one two three']
    const forced = await cli(flags, { env: { ...env, FORCE_COLOR: '1' } })
    expect(forced.stdout).toContain('\x1b[32m')
    expect(forced.stderr).toContain('drafted and accepted')
    const plain = await cli(flags)
    expect(plain.stdout).not.toContain('\x1b')
    expect(plain.stderr).toContain('FORCE_COLOR')
    expect(forced.stdout.replaceAll(/\x1b\[\d+m/g, '')).toBe(plain.stdout)
  })

  it('continues a raw prompt, whose control tokens are read as such', async () => {
    const wrapped = '<|im_start|>user\nSay hello.<|im_end|>\n<|im_start|>assistant\n'
    const document = await json('--raw', '--max-tokens', '8', wrapped)
    expect(document.timings['prompt_n']).toBeLessThan(20)
    expect(document.tokens).toHaveLength(8)
  })

  it('ends an answer before a stop text', async () => {
    const { text } = await json('--max-tokens', '16', 'Name three colours.')
    const stop = text.slice(12, 18)
    expect(stop).toHaveLength(6)
    const cut = await json('--max-tokens', '16', '--stop', stop, 'Name three colours.')
    expect(cut).toMatchObject({ finishReason: 'stop', text: text.slice(0, text.indexOf(stop)) })
  })

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full, for the answer and for the trace', async () => {
    const trace = await cli([...answer, '--trace', '/dev/full', '--max-tokens', '8', 'Hi'])
    expect(trace.code).toBe(1)
    expect(trace.stderr).toMatch(/^heterospec: expected a file that can be written .*ENOSPC.*\n$/)
    const file = openSync('/dev/full', 'w')
    const output = await cli([...answer, '--max-tokens', '8', 'Hi'], { stdout: file })
    closeSync(file)
    expect(output.code).toBe(1)
    expect(output.stderr).toMatch(/^heterospec: expected a standard output that can be written, got "ENOSPC.*\n$/)
  })

  it('ends quietly when nobody reads any more', async () => {
    const running = startCli(story)
    await running.until('stdout', /./)
    running.child.stdout?.destroy()
    expect(await running.ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})

describe('Ctrl-C', () => {
  it.each([150, 400, 700, 1000, 1300])('ends the program with 130 whatever it is doing after %i ms', async (ms) => {
    const running = startCli(story)
    await pause(ms)
    running.child.kill('SIGINT')
    const ended = await running.ended
    // Before our handler exists, node dies of the signal itself, which shells call 130 as well.
    if (ended.signal === null) expect(ended.code).toBe(130)
    else expect(ended.signal).toBe('SIGINT')
    expect(ended.stderr).not.toContain('heterospec:')
  })

  it('ends an answer with its numbers and 130', async () => {
    const running = startCli(story)
    await running.until('stdout', /./)
    running.child.kill('SIGINT')
    const ended = await running.ended
    expect(ended).toMatchObject({ code: 130, signal: null })
    expect(ended.stderr).toMatch(/^\[interrupted: \d+ tokens?, /)
    expect(ended.stdout.endsWith('\n')).toBe(true)
  })

  it('still prints the document with --json', async () => {
    const trace = join(folder, 'interrupted.jsonl')
    const running = startCli([...story, '--json', '--trace', trace])
    await untilTrue(running, () => textOf(trace) !== '')
    running.child.kill('SIGINT')
    const ended = await running.ended
    expect(ended.code).toBe(130)
    expect(lastLine(ended.stdout)).toMatchObject({ finishReason: 'aborted' })
  })
})
