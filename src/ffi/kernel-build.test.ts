import { chmodSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readEnvironment } from '../util/env.ts'
import {
  compileFlags,
  findCompilers,
  kernelFileName,
  kernelsExistFor,
  KERNELS_ABI,
  readKernelSources,
} from './kernel-build.ts'
import { kernelSymbols } from './kernel-probe.ts'

const native = fileURLToPath(new URL('../../native', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'heterospec-build-'))

function program(path: string): string {
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, 0o755)
  return path
}

describe('the sources of the kernels', () => {
  it('declare the interface that TypeScript knows', () => {
    const header = readFileSync(join(native, 'heterospec.h'), 'utf8')
    expect(/#define HS_ABI (\d+)/.exec(header)?.[1]).toBe(String(KERNELS_ABI))
    expect(kernelSymbols().filter((name) => !new RegExp(`\\b${name}[(,]`).test(header))).toEqual([])
  })

  it('have flags of one architecture only, and every set of flags has its file', () => {
    const units = readKernelSources(native)?.units ?? []
    expect(units).toEqual(expect.arrayContaining(['isa_avx512.c', 'isa_avx2.c', 'isa_neon.c', 'isa_portable.c']))
    const flagsOf = (processor: string) => units.flatMap((unit) => compileFlags(unit, processor))
    expect(flagsOf('x64')).toEqual(expect.arrayContaining(['-mavx512vnni', '-mavx2']))
    expect(flagsOf('arm64').filter((flag) => flag.startsWith('-m'))).toEqual(['-march=armv8.2-a+dotprod+fp16'])
    expect(flagsOf('riscv64').filter((flag) => flag.startsWith('-m'))).toEqual([])
    expect(compileFlags('repack.c', 'x64').filter((flag) => flag.startsWith('-m'))).toEqual([])
  })

  it('are worth compiling only where there is more than the portable set', () => {
    expect(kernelsExistFor('linux', 'x64')).toBe(true)
    expect(kernelsExistFor('darwin', 'arm64')).toBe(true)
    expect(kernelsExistFor('win32', 'x64')).toBe(false)
    expect(kernelsExistFor('linux', 'riscv64')).toBe(false)
  })

  it('have a fingerprint that changes with every file that is compiled', () => {
    const own = join(folder, 'native')
    mkdirSync(own)
    expect(readKernelSources(own)).toBeUndefined()
    writeFileSync(join(own, 'a.c'), 'int a;\n')
    const first = readKernelSources(own)
    expect(first).toMatchObject({ units: ['a.c'], id: expect.stringMatching(/^[0-9a-f]{12}$/) as string })
    writeFileSync(join(own, 'notes.txt'), 'not compiled')
    expect(readKernelSources(own)).toEqual(first)
    writeFileSync(join(own, 'a.inc'), '')
    const second = readKernelSources(own)!
    expect(second.id).not.toBe(first?.id)
    expect(kernelFileName(second)).toBe(`libheterospec-${second.id}.so`)
  })
})

describe('compilers', () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const gcc = program(join(bin, 'gcc'))
  const clang = program(join(bin, 'clang'))
  symlinkSync(gcc, join(bin, 'cc'))
  const find = (env: NodeJS.ProcessEnv) => findCompilers(readEnvironment(env))

  it('are tried once each, however many names they have', () => {
    expect(find({ PATH: `/nowhere:${bin}` }).map(({ path }) => path)).toEqual([join(bin, 'cc'), clang])
    expect(find({ PATH: '/nowhere' })).toEqual([])
  })

  it('are replaced by the one that CC names, with its first arguments', () => {
    expect(find({ PATH: bin, CC: 'clang -m64' })).toMatchObject([{ path: clang, args: ['-m64'] }])
    expect(find({ PATH: '', CC: gcc })).toMatchObject([{ path: gcc, args: [] }])
    expect(find({ PATH: bin, CC: 'icc' })).toEqual([])
  })

  it('are others after an update or with other arguments', () => {
    const [before] = find({ PATH: bin, CC: 'clang' })
    expect(find({ PATH: bin, CC: 'clang' })).toEqual([before])
    expect(find({ PATH: bin, CC: 'clang -m64' })[0]?.identity).not.toBe(before?.identity)
    writeFileSync(clang, '#!/bin/sh\n# newer\n')
    expect(find({ PATH: bin, CC: 'clang' })[0]?.identity).not.toBe(before?.identity)
  })
})
