/**
 * How the library of kernels is found, compiled, tried and loaded, with C sources of a few lines in place of the real ones.
 * What the kernels compute is the business of kernels.test.ts.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { loadGgml, loadKernels, kernelReport } from '../../src/ffi/index.ts'
import { buildKernels, findCompilers, kernelFileName, kernelOperations } from '../../src/ffi/kernel-build.ts'
import { kernelsExistFor, prebuiltFolder, readKernelSources } from '../../src/ffi/kernel-build.ts'
import { findKernels, type FoundKernels, type KernelPlaces, type NoKernels } from '../../src/ffi/kernel-find.ts'
import { checkTensorLayout } from '../../src/ffi/tensor-layout.ts'
import { fakePackage, fakeSource } from '../fixtures/kernels.ts'

const compiler = findCompilers()[0]
const possible = kernelsExistFor() && compiler !== undefined

afterEach(() => vi.unstubAllEnvs())

function found(result: FoundKernels | NoKernels): FoundKernels {
  if ('reason' in result) throw new Error(result.reason)
  return result
}

function missing(result: FoundKernels | NoKernels): NoKernels {
  if (!('reason' in result)) throw new Error(`expected none, got ${result.path}`)
  return result
}

/** A compiler that counts how often it is called, as CC; with another note it is another one, also where files have coarse times. */
function countCalls({ root }: KernelPlaces, note = ''): () => number {
  const log = join(root, 'calls')
  const script = join(root, 'counting-cc')
  writeFileSync(script, `#!/bin/sh\n${note}\necho >> '${log}'\nexec '${compiler?.path ?? ''}' "$@"\n`)
  chmodSync(script, 0o755)
  vi.stubEnv('CC', script)
  return () => (existsSync(log) ? readFileSync(log, 'utf8').length : 0)
}

describe.runIf(possible)('the library of kernels', () => {
  it('is compiled once, tried, and then taken from the cache', () => {
    const onBuild = vi.fn()
    const places = { ...fakePackage(), onBuild }
    const calls = countCalls(places)
    const built = found(findKernels(places))
    expect(built).toMatchObject({ origin: 'built', sets: ['avx2', 'portable'] })
    const before = calls()
    expect(found(findKernels(places))).toEqual({ ...built, origin: 'cache' })
    expect(onBuild).toHaveBeenCalledTimes(1)
    expect(calls()).toBe(before)
    expect(readdirSync(join(places.cacheDir, 'kernels')).filter((name) => name.startsWith('build-'))).toEqual([])
  })

  it('is taken from the package when it was made of the same sources, else compiled', () => {
    const places = fakePackage()
    const sources = readKernelSources(join(places.root, 'native'))!
    const path = join(prebuiltFolder(places.root), kernelFileName(sources))
    mkdirSync(prebuiltFolder(places.root), { recursive: true })
    expect(buildKernels(sources, compiler!, path)).toMatchObject({ done: true })
    vi.stubEnv('CC', '/nowhere/cc')
    expect(found(findKernels(places))).toMatchObject({ path, origin: 'prebuilt' })
    writeFileSync(join(places.root, 'native', 'fake.c'), fakeSource({ code: '/* newer */' }))
    expect(missing(findKernels(places)).reason).toMatch(/no prebuilt library fits/)
    vi.unstubAllEnvs()
    expect(found(findKernels(places)).origin).toBe('built')
  })

  it('that does not compile is tried once per compiler', () => {
    const places = fakePackage({ code: '#error the sky is blue' })
    const calls = countCalls(places)
    const first = missing(findKernels(places))
    expect(first.reason).toMatch(/counting-cc .*#error the sky is blue/s)
    expect(first.advice).toMatch(/install another gcc or clang .*remove .*failed-.*json to try again/)
    const before = calls()
    expect(missing(findKernels(places))).toEqual(first)
    expect(calls()).toBe(before)
    countCalls(places, '# updated')
    missing(findKernels(places))
    expect(calls()).toBeGreaterThan(before)
  })

  it('is compiled anew when the file in the cache is damaged', () => {
    const places = fakePackage()
    const { path } = found(findKernels(places))
    writeFileSync(path, readFileSync(path).subarray(0, 1000))
    expect(found(findKernels(places))).toMatchObject({ path, origin: 'built' })
  })

  it.each([
    [
      'kills its process',
      { code: '__attribute__((constructor)) static void f(void) { __builtin_trap(); }' },
      /SIG(ILL|TRAP)/,
    ],
    [
      'lacks a function',
      { code: 'int nobody_has_this(void);\nAPI int f(void) { return nobody_has_this(); }' },
      /undefined/,
    ],
    ['has another interface', { abi: 77 }, /interface 77 instead of/],
    ['offers nothing', { sets: ['nonsense'] }, /offers no kernels/],
  ])('is refused with a reason when it %s, and not made again', (_, fake, reason) => {
    const places = fakePackage(fake)
    const calls = countCalls(places)
    expect(missing(findKernels(places)).reason).toMatch(reason)
    const before = calls()
    expect(missing(findKernels(places)).reason).toMatch(reason)
    expect(calls()).toBe(before)
  })

  it('is not needed: without compiler and without a cache that can be written there is a reason', () => {
    vi.stubEnv('CC', undefined)
    vi.stubEnv('PATH', '/nowhere')
    expect(missing(findKernels(fakePackage()))).toEqual({
      reason: 'no prebuilt library fits, and no C compiler was found',
      advice: 'install gcc or clang',
    })
    vi.unstubAllEnvs()
    const { root } = fakePackage()
    expect(missing(findKernels({ root, cacheDir: join(root, 'native', 'fake.c') })).reason).toMatch(/ENOTDIR|EEXIST/)
    expect(missing(findKernels({ root: join(root, 'cache'), cacheDir: root })).advice).toBe('reinstall heterospec')
  })

  it('is made whole by processes that start at the same time', async () => {
    const places = fakePackage()
    const module = pathToFileURL(join(import.meta.dirname, '../../src/ffi/kernel-find.ts')).href
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const code = `import { findKernels } from '${module}'
      console.log(JSON.stringify(findKernels(${JSON.stringify(places)})))`
    const answers = [1, 2].map(async () => {
      const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', code])
      let said = ''
      child.stdout.on('data', (text: Buffer) => (said += text.toString()))
      await once(child, 'close')
      return JSON.parse(said) as unknown
    })
    const path = join(places.cacheDir, 'kernels', kernelFileName(readKernelSources(join(places.root, 'native'))!))
    expect(await Promise.all(answers)).toMatchObject([{ path }, { path }])
    expect(found(findKernels(places))).toMatchObject({ path, origin: 'cache' })
  })
})

describe.runIf(possible)('loading the kernels', () => {
  const places = fakePackage()

  it('refuses names that do not exist, and sets that this machine cannot run', () => {
    expect(() => loadKernels({ ...places, choice: 'fastest' })).toThrow(/one of the kernels auto, off, avx512-vnni/)
    expect(() => loadKernels({ ...places, choice: 'neon-dotprod' })).toThrow(
      /expected the kernels neon-dotprod, got none: this machine can run avx2, portable;/,
    )
  })

  it('leaves everything to ggml when told so, or when there is nothing better', () => {
    expect(loadKernels({ ...places, choice: 'off' })).toBeUndefined()
    expect(kernelReport({ ...places, choice: 'off' })).toEqual({ reason: 'they are switched off' })
    const slow = { ...fakePackage({ sets: ['portable'] }), choice: 'auto' }
    expect(loadKernels(slow)).toBeUndefined()
    expect(kernelReport(slow).reason).toMatch(/only the portable ones/)
  })

  it('follows HETEROSPEC_KERNELS, gives the functions, and holds to one set per process', () => {
    vi.stubEnv('HETEROSPEC_KERNELS', 'portable')
    const kernels = loadKernels(places)!
    expect(kernels.set).toBe('portable')
    expect(new Set(Object.values(kernels.functions)).size).toBe(kernelOperations.length)
    expect(kernels.packedBytes(2, 10, 20)).toBe(202)
    expect(loadKernels(places)).toBe(kernels)
    expect(kernelReport(places)).toEqual({ set: 'portable', path: kernels.path, origin: 'cache' })
    expect(() => loadKernels({ ...places, choice: 'auto' })).toThrow(
      /one set of kernels per process, got avx2 after portable/,
    )
  })
})

describe('the layout of tensors', () => {
  const { base } = loadGgml()

  it('is the one that the kernels were written for', () => {
    expect(checkTensorLayout(base)).toBeUndefined()
  })

  it('is told when it is another', () => {
    expect(checkTensorLayout({ ...base, ggml_tensor_overhead: () => 400 })).toMatch(/size of ggml's tensors is 400/)
    const zero: typeof base.ggml_scale = (context, tensor) => base.ggml_scale(context, tensor, 0)
    expect(checkTensorLayout({ ...base, ggml_scale: zero })).toMatch(/op_params\[0\] of ggml's tensors is 0/)
  })
})
