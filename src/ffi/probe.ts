/**
 * Tries the native libraries in a child process before this one loads them: a bad file, a missing symbol or an
 * illegal instruction ends the child, and the user reads a sentence. A good answer is remembered by the files' identity.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch } from 'node:os'
import { join } from 'node:path'
import { cpuName } from '../util/env.ts'
import { NativeError } from '../util/errors.ts'
import { readNote, writeNote } from '../util/notes.ts'

export interface ProbeReport {
  readonly ggmlVersion: string
  readonly ggmlCommit: string
  /** File name of the CPU library that suits this machine best, where the platform lets us see it. */
  readonly cpuLibrary: string | undefined
  readonly devices: readonly { readonly name: string; readonly description: string; readonly type: number }[]
  /** CPU features that the loaded variant uses, e.g. `AVX512_VNNI`. */
  readonly features: readonly string[]
}

/** Probes the libraries in `dir`, or returns the remembered answer from `cacheDir`. Throws `library-broken`. */
export function probeLibraries(dir: string, cacheDir: string): ProbeReport {
  const folder = join(cacheDir, 'probes')
  const key = identityOf(dir)
  const known = readNote(folder, key) as ProbeReport | undefined
  if (known) return known
  const report = probeInChild(dir)
  writeNote(folder, key, report)
  return report
}

/** What a child process said before it ended. */
export interface ChildAnswer {
  /** Undefined when it ended badly. */
  readonly answer: unknown
  /** A signal's name or the child's own error. */
  readonly why: string
  /** The signal that ended the child. */
  readonly signal: NodeJS.Signals | null
}

/**
 * Runs plain JavaScript in a child process, so that only the child dies of a bad library. Its arguments are koffi's path
 * and `args`; it answers with a line `PROBE` and JSON.
 */
export function askChild(source: string, args: readonly string[], timeout = 60_000): ChildAnswer {
  const koffiPath = createRequire(import.meta.url).resolve('koffi')
  const child = spawnSync(process.execPath, ['-e', source, koffiPath, ...args], {
    encoding: 'utf8',
    timeout,
    maxBuffer: 16 << 20,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const line = child.stdout.split('\n').find((text) => text.startsWith('PROBE '))
  const { status, signal } = child
  if (status === 0 && line !== undefined) return { answer: JSON.parse(line.slice(6)) as unknown, why: '', signal }
  const errors = child.stderr.split('\n').filter((text) => /error/i.test(text))
  return { answer: undefined, why: signal ?? errors.at(-1)?.trim() ?? 'no answer', signal }
}

// ---------------------------------------------------------------------------------------------------------------

/** Plain JavaScript, because the child must start the same way from sources and from the compiled package. */
const childSource = `
const [, koffiPath, dir, base, registry] = process.argv
const koffi = require(koffiPath)
const fs = require('node:fs')
const b = koffi.load(dir + '/' + base, { global: true })
const r = koffi.load(dir + '/' + registry, { global: true })
b.func('void ggml_log_set(void* cb, void* data)')(b.symbol ? b.symbol('ggml_time_init') : null, null)
r.func('void ggml_backend_load_all_from_path(const char* dir)')(dir)
const count = Number(r.func('size_t ggml_backend_dev_count()')())
const get = r.func('void* ggml_backend_dev_get(size_t i)')
const name = b.func('const char* ggml_backend_dev_name(void* d)')
const description = b.func('const char* ggml_backend_dev_description(void* d)')
const type = b.func('int ggml_backend_dev_type(void* d)')
const regOf = b.func('void* ggml_backend_dev_backend_reg(void* d)')
const proc = b.func('void* ggml_backend_reg_get_proc_address(void* reg, const char* name)')
const devices = [], features = []
for (let i = 0; i < count; i++) {
  const d = get(i)
  devices.push({ name: name(d), description: description(d), type: type(d) })
  if (type(d) !== 0) continue
  const address = proc(regOf(d), 'ggml_backend_get_features')
  if (!address) continue
  const list = koffi.decode(address, koffi.proto('void* ggml_backend_get_features(void* reg)'))(regOf(d))
  for (let k = 0; k < 64; k++) {
    const [n, v] = koffi.decode(list + BigInt(16 * k), koffi.array('const char*', 2))
    if (n === null) break
    if (v === '1') features.push(n)
  }
}
if (devices.length === 0) throw new Error('no compute device registered itself')
let cpuLibrary
try { cpuLibrary = /libggml-cpu[^/\\s]*\\.so/.exec(fs.readFileSync('/proc/self/maps', 'utf8'))?.[0] } catch {}
console.log('PROBE ' + JSON.stringify({
  ggmlVersion: b.func('const char* ggml_version()')(), ggmlCommit: b.func('const char* ggml_commit()')(),
  cpuLibrary, devices, features,
}))
`

function probeInChild(dir: string): ProbeReport {
  const files = readdirSync(dir)
  const base = files.find((name) => /^(lib)?ggml-base\./.test(name))
  const registry = files.find((name) => /^(lib)?ggml\.(?!.*cpu)/.test(name))
  if (!base || !registry) {
    throw new NativeError(
      'library-broken',
      `expected libggml-base and libggml in ${dir}, found neither or one; ${advice}`,
    )
  }
  const { answer, why } = askChild(childSource, [dir, base, registry])
  if (answer === undefined) {
    throw new NativeError('library-broken', `expected working ggml libraries in ${dir}, got: ${why}; ${advice}`)
  }
  return answer as ProbeReport
}

const advice = 'reinstall the package @node-llama-cpp/<platform>, or name a good folder in HETEROSPEC_LIBRARY'

function identityOf(dir: string): string {
  const hash = createHash('sha256')
  hash.update(`${dir} ${arch()} ${cpuName()} ${process.version}`)
  for (const name of readdirSync(dir).sort()) {
    const { size, mtimeMs } = statSync(join(dir, name))
    hash.update(`${name} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex').slice(0, 24)
}
