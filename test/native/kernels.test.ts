/**
 * The tests of the C kernels, which are written in C: compiled and run here, plainly, with the sanitizers of the compiler,
 * and for ARM in an emulator. What they check stands in native/test/.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { compileFlags, findCompilers, kernelSets, readKernelSources } from '../../src/ffi/kernel-build.ts'
import { readEnvironment } from '../../src/util/env.ts'

const native = fileURLToPath(new URL('../../native', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'heterospec-kernels-'))
const compiler = findCompilers()[0]
afterAll(() => rmSync(folder, { recursive: true }))

interface Outcome {
  readonly status: number | string | null
  readonly output: string
}

function run(program: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : (error.code ?? error.signal ?? 'unknown')
      resolve({ status, output: stdout + stderr })
    })
  })
}

/** What sanitizers say, by chance, where the kernel spreads a process over more addresses than they foresaw. */
const badPlace = /unexpected memory mapping|Shadow memory range interleaves|(?:AddressSanitizer:DEADLYSIGNAL\s*){3}/
const MOST_STARTS = 50

/** Runs a program with a sanitizer, again when it got a place in memory that the sanitizer cannot do with. */
async function runSanitized(program: string, args: readonly string[]): Promise<Outcome> {
  let outcome = await run(program, args)
  for (let start = 1; start < MOST_STARTS && badPlace.test(outcome.output); start++) outcome = await run(program, args)
  return outcome
}

interface Build {
  readonly name: string
  /** The compiler and its first arguments. */
  readonly command: readonly string[]
  /** Node's name of the processor that it compiles for. */
  readonly processor: string
  /** Besides the flags that the library is compiled with. */
  readonly flags: readonly string[]
}

/** Compiles kernels and tests to one program, two files at a time. Returns its path and what the compiler said. */
async function build({ name, command, processor, flags }: Build): Promise<{ program: string; said: string }> {
  const [path = '', ...first] = command
  const target = join(folder, name)
  mkdirSync(target)
  const kernels = readKernelSources(native)?.units ?? []
  const tests = readdirSync(join(native, 'test')).filter((file) => file.endsWith('.c'))
  const calls = [
    ...kernels.map((unit) => [...compileFlags(unit, processor), join(native, unit), '-o', join(target, `${unit}.o`)]),
    ...tests.map((file) => [...testFlags, join(native, 'test', file), '-o', join(target, `test-${file}.o`)]),
  ]
  let said = ''
  const worker = async () => {
    for (let call = calls.pop(); call; call = calls.pop()) {
      const { status, output } = await run(path, [...first, '-c', ...call, ...flags])
      if (status !== 0) throw new Error(`expected ${path} to compile, got exit code ${status}: ${output}`)
      said += output
    }
  }
  await Promise.all([worker(), worker()])
  const program = join(target, 'check')
  const objects = readdirSync(target).map((file) => join(target, file))
  const linked = await run(path, [...first, ...objects, '-o', program, ...flags, '-pthread', '-lm'])
  if (linked.status !== 0) throw new Error(`expected ${path} to link, got exit code ${linked.status}: ${linked.output}`)
  return { program, said }
}

const testFlags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread']

/** Whether a program with these flags can be made and runs; else what stands in the way. */
async function obstacle(command: readonly string[], flags: readonly string[]): Promise<string | undefined> {
  const [path = '', ...first] = command
  const program = join(folder, `probe-${flags.join('').replace(/\W/g, '')}`)
  const source = join(folder, 'probe.c')
  writeFileSync(source, 'int main(void) { return 0; }\n')
  const made = await run(path, [...first, source, '-o', program, ...flags, '-pthread'])
  if (made.status !== 0) return `${path} cannot make programs with ${flags.join(' ')}`
  const { status, output } = await runSanitized(program, [])
  return status === 0 ? undefined : `programs with ${flags.join(' ')} do not run here: ${output.slice(0, 200)}`
}

/** The sets of kernels whose tests ran, from lines like "avx2: 0.6 s". */
function testedSets(output: string): string[] {
  return [...output.matchAll(/^(\S+): [\d.]+ s$/gm)].map(([, name]) => name!)
}

function locate(program: string): string | undefined {
  return readEnvironment()
    .programFolders.map((place) => join(place, program))
    .find((path) => existsSync(path))
}

describe('the kernels', { timeout: 600_000 }, () => {
  const command = compiler && [compiler.path, ...compiler.args]

  it('compute what they should, within their buffers, whatever the rows and threads', async ({ skip }) => {
    if (!command) return skip('no C compiler: install gcc or clang, or name one in CC')
    const { program, said } = await build({ name: 'plain', command, processor: process.arch, flags: [] })
    expect(said).toBe('')
    const { status, output } = await run(program, [])
    expect(output).toMatch(/all passed\n$/)
    expect(status).toBe(0)
    const tested = testedSets(output)
    expect(tested).toContain('portable')
    expect(kernelSets).toEqual(expect.arrayContaining(tested))
    console.log(`kernels tested: ${tested.join(', ')}`)
  })

  const sanitizers = {
    'address and undefined behaviour': ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    threads: ['-fsanitize=thread'],
  }
  it.for(Object.entries(sanitizers))('satisfy the sanitizer of %s', async ([, flags], { skip }) => {
    if (!command) return skip('no C compiler: install gcc or clang, or name one in CC')
    const reason = await obstacle(command, flags)
    if (reason !== undefined) return skip(reason)
    const name = flags[0]!.replace(/\W/g, '')
    // Not optimised: compiling takes longer than running either way, and nothing wrong is optimised away.
    const { program } = await build({ name, command, processor: process.arch, flags: ['-O0', '-g1', ...flags] })
    const { status, output } = await runSanitized(program, ['quick'])
    expect(output).toMatch(/^(\S+: [\d.]+ s\n)+all passed\n$/)
    expect(status).toBe(0)
  })

  it('for ARM do so, too, in an emulator', async ({ skip }) => {
    const cross = locate('aarch64-linux-gnu-gcc')
    const emulator = locate('qemu-aarch64') ?? locate('qemu-aarch64-static')
    if (process.arch === 'arm64') return skip('this machine runs them itself')
    if (cross === undefined) return skip('no aarch64-linux-gnu-gcc: install gcc-aarch64-linux-gnu')
    if (emulator === undefined) return skip('no qemu-aarch64: install qemu-user')
    const { program } = await build({ name: 'arm', command: [cross], processor: 'arm64', flags: ['-static'] })
    const { status, output } = await run(emulator, ['-cpu', 'max', program, 'quick'])
    expect(output).toMatch(/all passed\n$/)
    expect(status).toBe(0)
    expect(testedSets(output)).toEqual(['neon-dotprod', 'portable'])
  })
})
