/**
 * Runs once before all tests: finds the default model as the command line would (cache, else pip; so a machine fetches it
 * once) and makes the tiny one in a folder that lives as long as the run. Where the kernels are not built yet they are compiled now:
 * that takes a minute or more, and shall be no test's own time.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { makeTinyModel } from '../scripts/make-tiny-model.ts'
import { kernelReport } from '../src/ffi/index.ts'
import { resolveModel } from '../src/store/index.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The default model, SmolLM2-135M-Instruct. */
    modelPath: string
    /** A random Q8_0 model of about 400 KB; its folder may take further files of tests. */
    tinyModelPath: string
  }
}

/** Called by vitest; what it returns is called after the last test. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'heterospec-test-'))
  const tinyModelPath = join(folder, 'tiny.gguf')
  await makeTinyModel(tinyModelPath, { weightType: 'q8_0' })
  project.provide('tinyModelPath', tinyModelPath)
  project.provide('modelPath', await defaultModel())
  kernelReport()
  return () => rm(folder, { recursive: true, force: true })
}

/** Asks again where fetching failed: one refusal of a registry says nothing about the tests. */
async function defaultModel(): Promise<string> {
  for (const waitMs of [10_000, 30_000, 60_000]) {
    try {
      return (await resolveModel()).path
    } catch (error) {
      console.error(`the default model could not be fetched, again in ${waitMs / 1000} s:`, error)
      await pause(waitMs)
    }
  }
  return (await resolveModel()).path
}
