/**
 * A whole run of `heterospec head train`: texts, vocabulary, features, training, the file. Everything that can be refused
 * is refused before the long work begins. What a head computes is the trainer's matter (`HeadTrainer`).
 */
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadGguf, type GgufModel } from '../../gguf/index.ts'
import { loadModel, openBackend, readModelConfig } from '../../model/index.ts'
import { DisposeStack } from '../../util/dispose.ts'
import { UsageError } from '../../util/errors.ts'
import { takePidLock } from '../../util/pid-lock.ts'
import { openCheckpoint, type RunIdentity } from './checkpoint.ts'
import { fitCurve, type CurveFit } from './curve.ts'
import { FeatureCache } from './feature-cache.ts'
import { createFeatureReader, defaultTaps } from './features.ts'
import { writeHead } from '../head-file.ts'
import type { CurvePoint, RunResult } from './run-types.ts'
import type { HeadRun, HeadRunParts, HeadRunSettings, HeadRunSummary } from './head-run-types.ts'
import { measureTaps, teacherTensors } from './open-trainer.ts'
import { createRunBatches } from './run-batches.ts'
import { requireMemory } from './run-memory.ts'
import { readHeadStart, readTables, shapeOfNewHead, type HeadStart } from './start.ts'
import { requireReadable } from '../tensors.ts'
import { hashTexts, splitTexts, trimText, type TextSplit } from './texts.ts'
import { runTraining } from './train.ts'
import type { HeadContents, TrainingText } from '../types.ts'
import { chooseDraftVocabulary, countAnswerTokens, countTokens, coverageOf } from './vocabulary.ts'

/** Positions of the longest text that is read; what is beyond is cut off. */
const LONGEST_TEXT = 2048

/**
 * Trains a head and writes it to `settings.out`: at every new best evaluation, and at the end. The same call goes on where an
 * interrupted one stopped. Throws what its parts throw; `aborted` after a checkpoint.
 */
export async function trainHead(parts: HeadRunParts): Promise<HeadRunSummary> {
  const { settings } = parts
  const path = `${settings.out}.training`
  await using stack = new DisposeStack()
  stack.use(guardOutput(settings.out))
  if (settings.restart) rmSync(path, { force: true })
  else if (existsSync(settings.out) && !existsSync(path)) {
    throw new UsageError(
      'bad-option',
      `expected a new file for --out, got ${settings.out}, which exists and has no unfinished run; name another file, or add --restart to replace it`,
    )
  }
  const target = loadGguf(settings.target)
  requireReadable(target, teacherTensors(target))
  const texts = await collectTexts(parts, target)
  const split = splitTexts(texts, settings.heldOut, settings.mostHeldOut)
  const start = startOf(settings, target, texts, split, parts.vocabularyTokens)
  const run = describeRun(settings, target, texts, split, start)
  const checkpoint = openCheckpoint(path, run.identity)
  const begun = checkpoint.read()?.position
  parts.onStart?.(run, begun)
  return await execute(parts, target, texts, split, run, checkpoint)
}

// ---------------------------------------------------------------------------------------------------------------

function guardOutput(out: string): Disposable {
  if (!existsSync(dirname(out))) {
    throw new UsageError('bad-option', `expected an existing folder for --out, got ${dirname(out)}; make it first`)
  }
  return takePidLock(
    `${out}.lock`,
    (owner) =>
      `expected nobody else to train ${out}, got process ${owner} at it; wait for it, stop it, or name another --out`,
  )
}

async function collectTexts({ settings, texts, signal }: HeadRunParts, target: GgufModel): Promise<TrainingText[]> {
  const most = Math.min(LONGEST_TEXT, readModelConfig(target).trainedContext)
  const found: TrainingText[] = []
  for await (const text of texts(target)) {
    signal?.throwIfAborted()
    const trimmed = trimText(text, most)
    if (trimmed.answers.length > 0) found.push(trimmed)
  }
  if (found.length > 0) return found
  throw new UsageError(
    'bad-file',
    `expected texts with answers in ${settings.data}, got none; make some with "heterospec head data"`,
  )
}

function startOf(
  settings: HeadRunSettings,
  target: GgufModel,
  texts: readonly TrainingText[],
  split: TextSplit,
  more: Iterable<number> | undefined,
): HeadStart {
  if (settings.from !== undefined) return readHeadStart(loadGguf(settings.from), target)
  const { vocabSize, layerCount: layers } = readModelConfig(target)
  const counts = countAnswerTokens(pick(texts, split.training), vocabSize)
  if (more) countTokens(more, counts)
  const size = Math.min(settings.draftVocab, vocabSize)
  const shape = shapeOfNewHead(target, size)
  const taps = settings.taps ?? defaultTaps(layers)
  if (taps.length !== 3 || new Set(taps).size !== 3 || taps.some((tap) => tap > layers)) {
    throw new UsageError(
      'bad-option',
      `expected three different layers from 0 to ${layers} for --taps, got ${taps.join(',')}; leave it out for ${defaultTaps(layers).join(',')}`,
    )
  }
  return { shape, taps, draftIds: chooseDraftVocabulary(counts, size), weights: undefined, continuedFrom: undefined }
}

function* pick(texts: readonly TrainingText[], indices: readonly number[]): Generator<TrainingText, void, undefined> {
  for (const index of indices) {
    const text = texts[index]
    if (text) yield text
  }
}

function describeRun(
  settings: HeadRunSettings,
  target: GgufModel,
  texts: readonly TrainingText[],
  split: TextSplit,
  start: HeadStart,
): HeadRun {
  const { draftIds, taps } = start
  const dataHash = hashTexts(texts)
  const identity: RunIdentity = {
    target: target.fingerprint,
    data: dataHash,
    from: start.continuedFrom ?? null,
    taps: taps.join(','),
    'draft-vocab': draftIds.length,
    'draft tokens': hashTexts([{ tokens: [...draftIds], answers: [], temperature: 0 }]),
    ...settings.learning,
    epochs: settings.learning.epochs ?? null,
    minutes: settings.learning.minutes ?? null,
  }
  const heldOut = countAnswerTokens(
    pick(texts, split.heldOut),
    target.metadata.arrayLength('tokenizer.ggml.tokens') ?? 0,
  )
  return {
    targetName: target.metadata.string('general.name') ?? 'the target',
    dataHash,
    identity,
    texts: texts.length,
    heldOutTexts: split.heldOut.length,
    rows: texts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    answerTokens: texts.reduce((sum, { answers }) => sum + answers.reduce((all, [from, to]) => all + to - from, 0), 0),
    coverage: coverageOf(draftIds, heldOut),
    start,
  }
}

async function execute(
  parts: HeadRunParts,
  target: GgufModel,
  texts: readonly TrainingText[],
  split: TextSplit,
  run: HeadRun,
  checkpoint: ReturnType<typeof openCheckpoint>,
): Promise<HeadRunSummary> {
  const { settings, signal } = parts
  const { taps, shape, draftIds, weights } = run.start
  await using stack = new DisposeStack()
  const backend = stack.use(openBackend({ threads: settings.threads }))
  const longest = Math.max(256, ...texts.map(({ tokens }) => tokens.length))
  const context = Math.min(longest, readModelConfig(target).trainedContext)
  const model = stack.use(await loadModel(target, { backend, context, sequences: 6 }))
  requireMemory(settings, shape, model.spec)
  const cache = new FeatureCache(texts, createFeatureReader(model, taps), {
    folder: join(settings.cacheDir, 'features'),
    identity: [target.fingerprint, taps.join(',')],
    limitBytes: settings.cacheBytes,
  })
  const cachedShare = await cache.prepare({ signal, onProgress: parts.onFeatures })
  const { length, batch, seed } = settings.learning
  const batches = createRunBatches(
    texts,
    split,
    cache,
    { width: shape.width, taps: taps.length, length, batchSize: batch, seed, draftIds },
    signal,
  )
  parts.onBatches?.({ windows: batches.windows, lessons: batches.lessons, cachedShare })
  const trainer = stack.use(
    await parts.createTrainer({
      target,
      backend,
      shape,
      draftIds,
      weights,
      tables: readTables(target, draftIds),
      tapScales: measureTaps(await cache.read(split.training.slice(0, 16), signal), shape.width),
      settings,
    }),
  )
  const save = (best: ReadonlyMap<string, Float32Array>, point: CurvePoint): Promise<void> =>
    writeHead(settings.out, contentsOf(settings, target, run, best, point), target, settings.type)
  const result = await runTraining({
    ...{ trainer, batches, checkpoint, signal },
    options: { ...settings.learning, checkpointMs: settings.checkpointMs },
    now: () => performance.now(),
    onBest: save,
    onEvent: parts.onEvent,
  })
  const best = result.position.curve[result.position.best]
  if (best) await save(result.best, best)
  checkpoint.remove()
  return { run, position: result.position, fit: fitOf(result), cachedShare }
}

function contentsOf(
  settings: HeadRunSettings,
  target: GgufModel,
  run: HeadRun,
  tensors: ReadonlyMap<string, Float32Array>,
  point: CurvePoint,
): HeadContents {
  const { shape, taps, draftIds, continuedFrom } = run.start
  return {
    name: `EAGLE-3 head for ${run.targetName}`,
    ...{ shape, draftIds, tensors },
    targetWidth: shape.width,
    targetLayers: taps,
    normBeforeResidual: false,
    normBeforeFusion: false,
    trainedContext: readModelConfig(target).trainedContext,
    provenance: {
      target_fingerprint: target.fingerprint,
      target_name: run.targetName,
      data: run.dataHash,
      data_answer_tokens: run.answerTokens,
      trained_answer_tokens: point.tokens,
      trained_epochs: point.epoch,
      trained_steps: point.step,
      training_seconds: Math.round(point.elapsedMs / 1000),
      held_out_texts: run.heldOutTexts,
      held_out_agreement: point.heldOut.map(({ agreement }) => agreement.toFixed(4)).join(','),
      held_out_chain: Number(point.tau.toFixed(4)),
      settings: JSON.stringify(settings.learning),
      ...(continuedFrom === undefined ? {} : { continued_from: continuedFrom }),
    },
  }
}

/** The curve of the first epoch: later epochs repeat texts, which is another law. */
function fitOf({ position: { curve } }: RunResult): CurveFit | undefined {
  return fitCurve(curve.filter(({ epoch, tokens }) => epoch <= 1 && tokens > 0))
}
