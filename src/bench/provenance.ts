/** Where and with what figures were taken: without it they mean nothing. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kernelReport, loadGgml } from '../ffi/index.ts'
import { cpuName, nodeVersion, platformName } from '../util/env.ts'
import { packageVersion } from '../util/package.ts'
import type { Provenance } from './types.ts'

export interface ProvenanceParts {
  /** As it was typed. */
  readonly command: string
  readonly model: { readonly name: string; readonly path: string }
  readonly draftModels: readonly string[]
  readonly threads: number
  readonly context: number
}

/** Collects it; reads the model file once for its hash. */
export async function collectProvenance(parts: ProvenanceParts): Promise<Provenance> {
  const { command, model, threads, context } = parts
  const { probe } = loadGgml()
  const kernels = kernelReport()
  return {
    command,
    date: new Date().toISOString(),
    heterospec: packageVersion(),
    commit: commit(),
    node: nodeVersion(),
    ggml: `${probe.ggmlVersion} (${probe.ggmlCommit})`,
    cpuLibrary: probe.cpuLibrary ?? null,
    kernels: kernels.set ?? `none (${kernels.reason ?? 'switched off'})`,
    model: {
      name: model.name,
      file: basename(model.path),
      sha256: await sha256Of(model.path),
      bytes: statSync(model.path).size,
    },
    drafters: await Promise.all(
      parts.draftModels.map(async (path) => ({ file: basename(path), sha256: await sha256Of(path) })),
    ),
    machine: {
      cpu: cpuName(),
      processors: availableParallelism(),
      memoryBytes: totalmem(),
      platform: platformName(),
    },
    threads,
    context,
  }
}

// ---------------------------------------------------------------------------------------------------------------

const root = new URL('../../', import.meta.url)

/** Of the working copy that this file belongs to, `+` for uncommitted changes; null for an installed package. */
function commit(): string | null {
  if (!existsSync(new URL('.git', root))) return null
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(root),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
  } catch {
    return null
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
