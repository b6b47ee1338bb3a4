/** What loading costs, in turns: ours with and without native kernels, and libllama. */
import { kernelReport } from '../src/ffi/index.ts'
import { loadModel } from '../src/model/index.ts'
import { openLibllama } from '../src/bench/sides/libllama.ts'
import { quartiles, showInterval as show, type Interval } from '../src/bench/index.ts'

export interface LoadRow {
  readonly name: string
  /** Until the model is ready. */
  readonly loadMs: Interval
  /** Until its first pass is done: a mapped file is only read then. */
  readonly firstPassMs: Interval
  /** Resident memory that was added meanwhile, pages of a mapped file included. */
  readonly residentMiB: Interval
}

export interface LoadSettings {
  readonly modelPath: string
  readonly threads: number
  readonly kernels: boolean
  readonly context: number
  readonly repeats: number
}

interface Loaded {
  pass(): Promise<unknown>
  close(): Promise<void>
}

/** The first round, which loads libraries and fills the machine's page cache, is not counted. */
export async function measureLoads(settings: LoadSettings): Promise<LoadRow[]> {
  const { modelPath, threads, context } = settings
  const ours = (kernels: boolean) => async (): Promise<Loaded> => {
    const model = await loadModel(modelPath, { threads, context, kernels })
    const sequence = model.open()
    return { pass: () => sequence.prefill([0]), close: () => model[Symbol.asyncDispose]() }
  }
  const theirs = async (): Promise<Loaded> => {
    const llama = await openLibllama(modelPath, { threads, context })
    const close = (): Promise<void> => {
      llama[Symbol.dispose]()
      return Promise.resolve()
    }
    return { pass: () => Promise.resolve(llama.pass([0])), close }
  }
  const loaders = new Map([
    ...(settings.kernels && kernelReport().set !== undefined ? [['ours, native kernels', ours(true)] as const] : []),
    ['ours, ggml operations', ours(false)] as const,
    ['libllama (reads its vocabulary too)', theirs] as const,
  ])
  const samples = new Map([...loaders.keys()].map((name) => [name, [] as Sample[]]))
  for (let round = -1; round < settings.repeats; round++) {
    for (const [name, load] of loaders) {
      const sample = await measure(load)
      if (round >= 0) samples.get(name)?.push(sample)
    }
  }
  return [...samples].map(([name, list]) => ({
    name,
    loadMs: quartiles(list.map(({ loadMs }) => loadMs)),
    firstPassMs: quartiles(list.map(({ firstPassMs }) => firstPassMs)),
    residentMiB: quartiles(list.map(({ residentMiB }) => residentMiB)),
  }))
}

export function printLoads(rows: readonly LoadRow[]): void {
  console.log('\n| loading | ms until ready | ms until the first pass is done | resident memory, MiB |')
  console.log('| ------- | -------------- | ------------------------------- | -------------------- |')
  for (const { name, loadMs, firstPassMs, residentMiB } of rows)
    console.log(`| ${name} | ${show(loadMs, 0)} | ${show(firstPassMs, 0)} | ${show(residentMiB, 0)} |`)
  console.log('')
}

// ------------------------------------------------------------------------------------------------------------------

interface Sample {
  readonly loadMs: number
  readonly firstPassMs: number
  readonly residentMiB: number
}

async function measure(load: () => Promise<Loaded>): Promise<Sample> {
  const before = process.memoryUsage.rss()
  const started = performance.now()
  const loaded = await load()
  const loadMs = performance.now() - started
  await loaded.pass()
  const firstPassMs = performance.now() - started
  const residentMiB = (process.memoryUsage.rss() - before) / 2 ** 20
  await loaded.close()
  return { loadMs, firstPassMs, residentMiB }
}
