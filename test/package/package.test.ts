/**
 * The package as a user gets it: packed, installed in an empty folder, every subpath imported, the command run, the
 * examples run. Uses the compiled files of `dist/`, which `npm ci` and `npm test` build.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
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
function run(program: string, ...args: string[]): Promise<string> {
  return runWith({}, program, ...args)
}

async function runWith(variables: NodeJS.ProcessEnv, program: string, ...args: string[]): Promise<string> {
  const own = { HETEROSPEC_CACHE: join(folder, 'cache'), NODE_OPTIONS: '', npm_config_update_notifier: 'false' }
  const env = { ...process.env, ...own, ...variables }
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code, `${program} ${args.join(' ')}\n${said.stdout}\n${said.stderr}`).toBe(0)
  return said.stdout
}

/** What package-lock.json says of a package. */
interface Locked {
  readonly dev?: boolean
}

/**
 * A lock file of a user who installs `tarball`, with what ours says of everything that it needs: npm has fetched these before, so
 * it asks no registry, and whatever is not declared is not there.
 */
function lockFor(tarball: string): object {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>
  }
  const { '': own, ...others } = packages
  const needed = Object.entries(others).filter(([, { dev = false }]) => !dev)
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(folder, tarball)))
    .digest('base64')}`
  const installed = { ...omit(own ?? {}, 'devDependencies'), resolved: `file:${tarball}`, integrity }
  const user = { name: 'user', dependencies: { heterospec: `file:${tarball}` } }
  const all = { '': user, 'node_modules/heterospec': installed, ...Object.fromEntries(needed) }
  return { name: 'user', lockfileVersion: 3, requires: true, packages: all }
}

function omit(from: object, name: string): object {
  return Object.fromEntries(Object.entries(from).filter(([key]) => key !== name))
}

beforeAll(async () => {
  expect(existsSync(join(root, 'dist/index.js')), 'expected compiled files in dist/; run "npm run build" first').toBe(
    true,
  )
  folder = mkdtempSync(join(tmpdir(), 'heterospec-package-'))
  const report = await run('npm', 'pack', root, '--json', '--ignore-scripts', '--pack-destination', folder)
  const [tarball] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }]
  packed = tarball.files.map(({ path }) => path)
  const lock = lockFor(tarball.filename)
  const user = { name: 'user', private: true, type: 'module', dependencies: { heterospec: `file:${tarball.filename}` } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(user))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  await run('npm', 'ci', '--no-audit', '--no-fund', '--prefer-offline')
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
    async (subpath) => {
      const name = subpath.replace(/^\./, 'heterospec')
      const print = `console.log(Object.keys(await import('${name}')).length)`
      expect(Number(await run(process.execPath, '--input-type=module', '-e', print))).toBeGreaterThan(0)
    },
  )

  it('brings the command', async () => {
    expect((await run('npx', '--no-install', 'heterospec', '--version')).trim()).toBe(manifest.version)
  })

  it('answers a prompt', async () => {
    const flags = ['--model', inject('modelPath'), '--max-tokens', '8', '--ignore-eos', '--threads', '1', '--json']
    const output = await run('npx', '--no-install', 'heterospec', 'run', 'What is the capital of France?', ...flags)
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
  const kernelsOf = async (variables: NodeJS.ProcessEnv): Promise<KernelReport> => {
    const output = await runWith(variables, process.execPath, command, 'doctor', '--json', '--model', tiny)
    return (JSON.parse(output) as { library: { kernels: KernelReport } }).library.kernels
  }

  it.runIf(kernelsExistFor() && findCompilers().length > 0)('are compiled for this kind of machine', async () => {
    const prebuilt = packed.filter((path) => path.startsWith('prebuilt/'))
    expect(prebuilt, 'run "npm run build" after a change in native/').toEqual([library])
    const installed = join(folder, 'node_modules', 'heterospec', library)
    // A processor without AVX2 or the like has a reason instead.
    const { path = installed, origin = 'prebuilt', reason } = await kernelsOf({})
    expect({ path, origin }, reason).toEqual({ path: realpathSync(installed), origin: 'prebuilt' })
  })

  it('are not needed: without them and without a compiler it answers all the same', async () => {
    const prebuilt = join(folder, 'node_modules', 'heterospec', 'prebuilt')
    const aside = join(folder, 'aside')
    if (existsSync(prebuilt)) renameSync(prebuilt, aside)
    const bare = { PATH: '/nowhere', CC: '', HETEROSPEC_CACHE: join(folder, 'bare-cache') }
    try {
      expect((await kernelsOf(bare)).reason).toMatch(
        /no prebuilt library fits, and no C compiler was found|there are none for/,
      )
      const flags = ['--model', tiny, '--max-tokens', '8', '--ignore-eos', '--threads', '1', '--json']
      const output = await runWith(bare, process.execPath, command, 'run', 'Hello', ...flags)
      expect((JSON.parse(output.trim().split('\n').at(-1) ?? '') as { tokens: number[] }).tokens.length).toBe(8)
    } finally {
      if (existsSync(aside)) renameSync(aside, prebuilt)
    }
  })
})

describe('the examples run as they are written', () => {
  beforeAll(() => mkdirSync(join(folder, 'examples')))

  it.each(examples)('%s', async (name) => {
    copyFileSync(join(root, 'examples', name), join(folder, 'examples', name))
    const output = await run(process.execPath, '--import', tsx, join('examples', name), inject('tinyModelPath'))
    expect(output).not.toBe('')
    if (name === 'lossless.ts') expect(output.match(/all the same tokens/g)).toHaveLength(2)
  })
})
