/**
 * The package as a user gets it: packed, installed in an empty folder, every subpath imported, the command run, the
 * examples run. Uses the compiled files of `dist/`, which `npm ci` and `npm test` build.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { KernelReport } from '../../src/ffi/index.ts'
import { findCompilers, kernelFileName, kernelsExistFor, readKernelSources } from '../../src/ffi/kernel-build.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
  exports: Record<string, unknown>
}
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts'))

let folder: string
let packed: string[]

/** Runs a program in the user's folder and returns what it printed; anything but success is a failure of the test. */
function run(program: string, ...args: string[]): string {
  return runWith({}, program, ...args)
}

function runWith(variables: NodeJS.ProcessEnv, program: string, ...args: string[]): string {
  const environment = { ...process.env, HETEROSPEC_CACHE: join(folder, 'cache'), NODE_OPTIONS: '', ...variables }
  const child = spawnSync(program, args, { cwd: folder, env: environment, encoding: 'utf8', timeout: 110_000 })
  expect(child.status, `${program} ${args.join(' ')}\n${child.stdout}\n${child.stderr}`).toBe(0)
  return child.stdout
}

beforeAll(() => {
  expect(existsSync(join(root, 'dist/index.js')), 'expected compiled files in dist/; run "npm run build" first').toBe(
    true,
  )
  folder = mkdtempSync(join(tmpdir(), 'heterospec-package-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  const report = run('npm', 'pack', root, '--json', '--ignore-scripts', '--pack-destination', folder)
  const [tarball] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }]
  packed = tarball.files.map(({ path }) => path)
  const quietly = ['--no-audit', '--no-fund', '--prefer-offline']
  run('npm', 'install', ...quietly, `./${tarball.filename}`)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the packed package', () => {
  it('holds what a user needs and nothing of the workshop', () => {
    expect(packed).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'CHANGELOG.md',
        'bin/heterospec.cjs',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/page/index.html',
        ...readdirSync(join(root, 'native'))
          .filter((name) => /\.(c|h|inc)$/.test(name))
          .map((name) => `native/${name}`),
      ]),
    )
    const expected =
      /^(dist|bin|data\/spec_bench)\/|^data\/calibration\/prompts\.jsonl$|^data\/calibrations\/[\w.-]+\.json$|^data\/heads\/[\w.-]+\.gguf$|^native\/\w+\.(c|h|inc)$|^prebuilt\/[\w-]+\/libheterospec-\w+\.so$|^[A-Z]+(\.md)?$|^package\.json$/
    expect(packed.filter((path) => !expected.test(path))).toEqual([])
    expect(packed.filter((path) => /\.test\.|(^|\/)(test|bench|scripts)\//.test(path))).toEqual([])
  })

  it('holds no compiled file whose source is gone', () => {
    // The command and the page are bundled; everything else is compiled file by file.
    const compiled = packed.filter((path) => /^dist\/(?!bin\/|page\/).*\.js$/.test(path))
    const orphans = compiled.filter(
      (path) => !existsSync(join(root, path.replace(/^dist/, 'src').replace(/js$/, 'ts'))),
    )
    expect(orphans, 'remove dist/ and run "npm run build"').toEqual([])
  })

  it.each(Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json'))(
    'can be imported as %s',
    (subpath) => {
      const name = subpath.replace(/^\./, 'heterospec')
      const print = `console.log(Object.keys(await import('${name}')).length)`
      expect(Number(run(process.execPath, '--input-type=module', '-e', print))).toBeGreaterThan(0)
    },
  )

  it('brings the command', () => {
    expect(run('npx', '--no-install', 'heterospec', '--version').trim()).toBe(manifest.version)
  })

  it('answers a prompt', () => {
    const flags = ['--model', inject('modelPath'), '--max-tokens', '8', '--threads', '1', '--json']
    const output = run('npx', '--no-install', 'heterospec', 'run', 'What is the capital of France?', ...flags)
    const answer = JSON.parse(output.trim().split('\n').at(-1) ?? '') as { text: string; tokens: number[] }
    expect(answer.tokens.length).toBe(8)
    expect(answer.text).not.toBe('')
  })
})

describe("heterospec's own kernels in the package", () => {
  const sources = readKernelSources(join(root, 'native'))
  const library = `prebuilt/${process.platform}-${process.arch}/${sources ? kernelFileName(sources) : ''}`
  const tiny = inject('tinyModelPath')
  const command = join('node_modules', 'heterospec', 'bin', 'heterospec.cjs')
  /** What `doctor` says when it runs with some environment variables. */
  const kernelsOf = (variables: NodeJS.ProcessEnv): KernelReport => {
    const output = runWith(variables, process.execPath, command, 'doctor', '--json', '--model', tiny)
    return (JSON.parse(output) as { library: { kernels: KernelReport } }).library.kernels
  }

  it.runIf(kernelsExistFor() && findCompilers().length > 0)('are compiled for this kind of machine', () => {
    const prebuilt = packed.filter((path) => path.startsWith('prebuilt/'))
    expect(prebuilt, 'run "npm run build" after a change in native/').toEqual([library])
    const installed = join(folder, 'node_modules', 'heterospec', library)
    // A processor without AVX2 or the like has a reason instead.
    const { path = installed, origin = 'prebuilt', reason } = kernelsOf({})
    expect({ path, origin }, reason).toEqual({ path: realpathSync(installed), origin: 'prebuilt' })
  })

  it('are not needed: without them and without a compiler it answers all the same', () => {
    const prebuilt = join(folder, 'node_modules', 'heterospec', 'prebuilt')
    const aside = join(folder, 'aside')
    if (existsSync(prebuilt)) renameSync(prebuilt, aside)
    const bare = { PATH: '/nowhere', CC: '', HETEROSPEC_CACHE: join(folder, 'bare-cache') }
    try {
      expect(kernelsOf(bare).reason).toMatch(/no prebuilt library fits, and no C compiler was found|there are none for/)
      const flags = ['--model', tiny, '--max-tokens', '8', '--threads', '1', '--json']
      const output = runWith(bare, process.execPath, command, 'run', 'Hello', ...flags)
      expect((JSON.parse(output.trim().split('\n').at(-1) ?? '') as { tokens: number[] }).tokens.length).toBe(8)
    } finally {
      if (existsSync(aside)) renameSync(aside, prebuilt)
    }
  })
})

describe('the examples run as they are written', () => {
  beforeAll(() => mkdirSync(join(folder, 'examples')))

  it.each(examples)('%s', (name) => {
    copyFileSync(join(root, 'examples', name), join(folder, 'examples', name))
    const output = run(process.execPath, '--import', tsx, join('examples', name), inject('tinyModelPath'))
    expect(output).not.toBe('')
    if (name === 'lossless.ts') expect(output.match(/all the same tokens/g)).toHaveLength(2)
  })
})
