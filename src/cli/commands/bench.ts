/**
 * `heterospec bench`: which way to speculate pays on this machine, measured prompt by prompt in turns, and what changed
 * since last time. The table goes to standard output, and its last line is the whole result as one JSON document.
 */
import { writeFileSync } from 'node:fs'
import type { Command } from '@commander-js/extra-typings'
import {
  compareDocuments,
  markdown,
  matrixRows,
  openPeers,
  readDocument,
  remarks,
  renderPage,
  runBench,
  showInterval,
  tableRows,
  type BenchDocument,
  type BenchSetup,
  type Comparison,
} from '../../bench/index.ts'
import type { Engine } from '../../engine/index.ts'
import { readEnvironment } from '../../util/env.ts'
import { UsageError } from '../../util/errors.ts'
import { addBenchFlags, commandLine, planBench } from '../bench-flags.ts'
import { compactJson } from '../compact-json.ts'
import type { Typed } from '../flags.ts'
import { formatTable } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateDraftFiles, pathsOf } from '../draft-files.ts'
import { parseMethods, type Method } from '../methods.ts'
import { locateModel, openFromFlags } from '../open.ts'
import { addFlags, addModelOptions, calibrationFlags } from '../options.ts'
import { createProgress, type Progress } from '../progress.ts'

/** Adds options, action and the command `compare`. */
export function define(command: Command): void {
  addBenchFlags(command)
  addModelOptions(command)
  addFlags(command, calibrationFlags)
  command.addHelpText('after', examples).action((options) => bench(options))
  command
    .command('compare')
    .summary('what changed from one result to another, beyond noise')
    .description('Compares two results question by question; a change counts when its 95 % interval does not hold 1.')
    .argument('<before>', 'output of an earlier "heterospec bench"')
    .argument('<after>', 'output of a later one')
    .option('--json', 'print one JSON document')
    .action((before, after, options) => {
      const comparison = compareDocuments(readDocument(before), readDocument(after))
      console.log(options.json ? JSON.stringify(comparison) : describe(comparison))
    })
}

// ---------------------------------------------------------------------------------------------------------------

const examples = `
Every side answers each question before the next begins, in rotating order. A method whose output differs from plain
decoding is reported as failed. An interrupted run goes on where it stopped when the same command is given again.
Without --live budgets decide by the measured price list alone and forget between questions, so that counts repeat.

Examples:
  heterospec bench
  heterospec bench --methods auto,lookup/fixed:nodes=8,recycling --sample 10 --threads 1 --html report.html > today.txt
  heterospec bench --suite humaneval.jsonl --methods auto
  heterospec bench compare yesterday.txt today.txt`

async function bench(typed: Typed): Promise<void> {
  const { flags, questions, options, sequences, peers: wanted, peerOptions } = planBench(typed)
  const { quiet } = flags
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const draftFiles = await locateDraftFiles(flags, signal)
  const model = await locateModel(typed, { signal, quiet })
  await using engine = await openFromFlags(
    { ...typed, model: model.path },
    { signal, speculative: 'off', quiet, sequences },
  )
  const methods = parseMethods(flags.methods, draftFiles)
  requireCalibrated(engine, methods, typed)
  const { threads, context, tokenizer } = engine
  await using peers = await openPeers(
    wanted,
    { ...peerOptions, draftModel: draftFiles.draftModel },
    { ...{ modelPath: model.path, threads, context, tokenizer, signal }, temperature: flags.temperature },
  )
  for (const { name, reason } of peers.skipped) console.error(`left out: ${name}: ${reason}`)
  const progress = createProgress('answers', 'count')
  try {
    const document = await runBench({
      ...{ engine, model, questions, options, peers, signal, fresh: flags.fresh },
      draftModels: pathsOf(draftFiles),
      methods,
      command: commandLine(process.argv.slice(2)),
      cacheDir: readEnvironment().cacheDir,
      ...reports(progress, quiet),
    })
    progress.stop()
    print(document, flags.markdown)
    // Last, because hours of work must not be lost to a disk that is full by now.
    if (flags.html !== undefined) writeFileSync(flags.html, renderPage(document))
  } finally {
    progress.stop()
  }
}

/** A calibration that no method starts from was named in vain. */
function requireCalibrated({ lab }: Engine, methods: readonly Method[], typed: Typed): void {
  const calibration = typed['calibration'] as string | undefined
  if (calibration === undefined || calibration === 'off') return
  if (methods.some(({ speculative }) => lab.calibration(speculative) !== undefined)) return
  const names = methods.map(({ name }) => name).join(', ')
  throw new UsageError(
    'drafter-mismatch',
    `expected a calibration of one of the methods ${names}, got one of another drafter in ${calibration}; add its method, or leave --calibration out`,
  )
}

function reports(progress: Progress, quiet: boolean): Pick<BenchSetup, 'onProgress' | 'onResume'> {
  if (quiet) return { onProgress: () => undefined, onResume: () => undefined }
  return {
    onProgress: (done, total) => progress.update(done, total),
    onResume: (turns) =>
      progress.note(`going on with an interrupted run: ${turns} turns are done (--fresh starts over)`),
  }
}

function print(document: BenchDocument, asMarkdown: boolean): void {
  if (asMarkdown) console.log(`${markdown(document)}\n`)
  else {
    const right = Array.from({ length: 40 }, (_, column) => column + 1)
    console.log(`Decoding speed-up by group:\n\n${formatTable(matrixRows(document), right)}\n`)
    console.log(`${formatTable(tableRows(document), right)}\n`)
    console.log(`${remarks(document).join('\n')}\n`)
  }
  console.log(compactJson(document))
}

function describe({ changes, conditions, unmatched }: Comparison): string {
  const rows = changes.map(({ side, group, questions, before, after, ratio, beyondNoise, tau, otherOutputs }) => [
    side,
    group,
    String(questions),
    showInterval(before),
    showInterval(after),
    showInterval(ratio, 3),
    beyondNoise ? (ratio.mean > 1 ? 'FASTER' : 'SLOWER') : 'no change',
    `${tau.before?.toFixed(2) ?? '?'} -> ${tau.after?.toFixed(2) ?? '?'}`,
    String(otherOutputs),
  ])
  const heading = ['METHOD', 'GROUP', 'QUESTIONS', 'BEFORE', 'AFTER', 'RATIO', 'VERDICT', 'TAU', 'OTHER OUTPUTS']
  const parts = [formatTable([heading, ...rows], [2, 3, 4, 5, 8])]
  if (conditions.length > 0) parts.push(`Not the same:\n${conditions.map((text) => `  ${text}`).join('\n')}`)
  if (unmatched.length > 0) parts.push(`Only in one of them: ${unmatched.join(', ')}`)
  return parts.join('\n\n')
}
