/**
 * The engine: a loaded model with tokenizer, drafters, prices and sequences; requests in, events out.
 * It wires the parts together; what happens in a round stands in `round.ts`.
 */
import { availableParallelism } from 'node:os'
import { DisposeStack } from '../util/dispose.ts'
import { readEnvironment } from '../util/env.ts'
import { UsageError } from '../util/errors.ts'
import { autoHeadsFolder, loadGguf, type GgufModel } from '../gguf/index.ts'
import { FormatCompiler } from '../grammar/index.ts'
import { loadModel, openBackend, type Backend, type GraphModel, type LoadModelOptions } from '../model/index.ts'
import { createTemplate, loadTokenizer, type ChatTemplate, type Tokenizer } from '../text/index.ts'
import { AutoHead } from './auto.ts'
import { calibrationFolders, Calibrations } from './calibration.ts'
import { draftLoaders } from './draft-models.ts'
import { DraftingTable, resolveSpeculation } from './drafting.ts'
import { LoadedEngine } from './loaded-engine.ts'
import type { ResolvedSpeculation } from './options.ts'
import { Prices } from './prices.ts'
import { SharedPasses } from './shared-passes.ts'
import { SharedPrompts } from './shared-prompts.ts'
import { SlotTable } from './slots.ts'
import type { CostIdentity, Engine, EngineOptions, LoadProgress } from './types.ts'

/** Everything that a request may use. */
export interface EngineParts {
  readonly model: GraphModel
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate | undefined
  readonly slots: SlotTable
  readonly passes: SharedPasses
  readonly prompts: SharedPrompts
  readonly drafting: DraftingTable
  /** Another one, with drafters of its own. */
  readonly openDrafting: () => DraftingTable
  readonly prices: Prices
  readonly formats: FormatCompiler
  readonly calibrations: Calibrations
  readonly head: AutoHead
  /** For requests that do not say. */
  readonly speculation: ResolvedSpeculation
}

/** Loads a model file into an engine. Throws `bad-file`, `unsupported-model`, `bad-option`, `library-missing`, `aborted`. */
export async function openEngine(path: string, options: EngineOptions = {}): Promise<Engine> {
  const speculation = resolveSpeculation(options.speculative ?? 'auto')
  const sequences = checkSequences(options.sequences ?? 1)
  const threads = options.threads ?? defaultThreads()
  const early = options.early?.path === path ? options.early : undefined
  const gguf = early?.gguf ?? loadGguf(path)
  await using stack = new DisposeStack()
  const backend = stack.use(
    openBackend({
      threads,
      kernels: options.kernels,
      onBuild: () => options.onProgress?.({ phase: 'kernels', done: 0, total: 1 }),
    }),
  )
  // The tokenizer reads its part of the file on another thread while the weights are read.
  const [tokenizer, model] = await both(
    stack,
    early?.tokenizer ?? loadTokenizer(gguf),
    loadModel(gguf, { backend, sequences, ...modelOptions(options) }),
  )
  requireSameVocabulary(tokenizer, model, path)
  const slots = stack.use(new SlotTable(model, sequences, options.cacheTokens !== undefined))
  const loaders = draftLoaders({ backend, model, tokenizer, options })
  const cacheDir = options.cacheDir ?? readEnvironment().cacheDir
  const head = findHead(gguf, options)
  const identity = priceIdentity(backend, model, threads, options)
  const folders = calibrationFolders(cacheDir)
  const calibrations = new Calibrations({ target: model.spec, identity, given: options.calibration, folders })
  const openDrafting = (): DraftingTable => new DraftingTable({ target: model.spec, head, ...loaders }, calibrations)
  const parts: EngineParts = {
    model,
    tokenizer,
    template: createTemplate(gguf.metadata, tokenizer),
    slots,
    passes: new SharedPasses(model),
    prompts: new SharedPrompts(model.prefixes),
    drafting: stack.use(openDrafting()),
    openDrafting,
    prices: new Prices({ model, slots, cacheDir, identity }),
    formats: stack.use(new FormatCompiler(tokenizer, model.spec.vocabSize)),
    calibrations,
    head,
    speculation,
  }
  // Now, so that the first request does not wait, and a drafter that does not fit is refused at once. It is held as long as the engine lives.
  await parts.prices.for(speculation.budget.policy, {
    signal: options.signal,
    onProgress: reporter(options, 'measure'),
  })
  await parts.drafting.prepare(speculation)
  calibrations.require(head.complete(speculation))
  return new LoadedEngine(parts, threads, stack.move())
}

/** What the model is loaded with, besides the device and the number of sequences. */
function modelOptions(options: EngineOptions): LoadModelOptions {
  const { context, cacheTokens, kvType, prefixCacheBytes: prefixBytes, cacheEviction, mmap, cacheDir, signal } = options
  return {
    context,
    cacheTokens,
    kvType,
    prefixBytes,
    cacheEviction,
    mmap,
    cacheDir,
    signal,
    onProgress: reporter(options, 'weights'),
  }
}

/** The head that `auto` shall use, if one lies ready. */
function findHead(gguf: GgufModel, { headsDir, onWarning }: EngineOptions): AutoHead {
  const folder = autoHeadsFolder(headsDir ?? readEnvironment().headsDir)
  return new AutoHead(gguf, folder, (message) => onWarning?.(message))
}

function checkSequences(sequences: number): number {
  if (Number.isInteger(sequences) && sequences >= 1) return sequences
  throw new UsageError(
    'bad-option',
    `expected a whole number of sequences from 1, got ${sequences}; leave the option out for 1`,
  )
}

/** Prices hold for one model, library, set of kernels and number of threads. */
function priceIdentity(backend: Backend, model: GraphModel, threads: number, options: EngineOptions): CostIdentity {
  const { ggml, kernels } = backend
  return {
    model: model.spec.fingerprint,
    library: [ggml.probe.ggmlCommit, ggml.probe.cpuLibrary, kernels?.path, kernels?.set].join(' '),
    threads,
    kvType: options.kvType ?? 'f16',
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Virtual processors that share a core hardly help and make times jump, but the system does not tell us which do. */
function defaultThreads(): number {
  const { threads } = readEnvironment()
  if (threads !== undefined) return threads
  return Math.max(1, Math.min(availableParallelism(), 16))
}

function reporter(options: EngineOptions, phase: LoadProgress['phase']): (done: number, total: number) => void {
  return (done, total) => options.onProgress?.({ phase, done, total })
}

/** Waits for both and keeps what was loaded in the stack even when the other failed. */
async function both<A extends Disposable, B extends AsyncDisposable>(
  stack: DisposeStack,
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second])
  if (a.status === 'fulfilled') stack.use(a.value)
  if (b.status === 'fulfilled') stack.use(b.value)
  if (b.status === 'rejected') throw b.reason as Error
  if (a.status === 'rejected') throw a.reason as Error
  return [a.value, b.value]
}

/** Rows of the embedding may exceed the tokenizer's list (padding), never the other way round: an id would be out of range. */
function requireSameVocabulary(tokenizer: Tokenizer, model: GraphModel, path: string): void {
  if (tokenizer.vocabSize <= model.spec.vocabSize) return
  throw new UsageError(
    'bad-option',
    `expected at most ${model.spec.vocabSize} tokens (the rows of the embedding) in the tokenizer of ${path}, got ${tokenizer.vocabSize}; download the model again`,
  )
}
