/**
 * `heterospec study`: what the parts of HeteroSpec do with a drafter, counted on recorded answers and, where asked for, measured
 * by the clock. One recording in the cache serves all studies of the same questions.
 */
import { writeFileSync } from 'node:fs'
import type { Command } from '@commander-js/extra-typings'
import {
  ablationVariants,
  openWorld,
  readRecording,
  renderStudy,
  ROWS,
  runClock,
  sequencesFor,
  studyAblation,
  studyAlpha,
  studyBins,
  studyCost,
  studyRank,
  studyRecording,
  type BenchDocument,
  type Recording,
  type StudyDocument,
  type StudyWorld,
} from '../../bench/index.ts'
import type { Engine } from '../../engine/index.ts'
import { readEnvironment } from '../../util/env.ts'
import { checkWritable, commandLine } from '../bench-flags.ts'
import { compactJson } from '../compact-json.ts'
import { locateDraftFiles, pathsOf, type DraftFiles } from '../draft-files.ts'
import type { Typed } from '../flags.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { locateModel, openFromFlags } from '../open.ts'
import { addModelOptions } from '../options.ts'
import { createProgress, type Progress } from '../progress.ts'
import { addStudyFlags, drafterOf, planStudy, type StudyName, type StudyPlan } from '../study-flags.ts'
import { describeStudy } from '../study-table.ts'

/** Adds the commands of the group. */
export function define(command: Command): void {
  command.addHelpText('after', '\nheterospec study <study> --help shows the options of a study.')
  for (const [name, { summary, example }] of Object.entries(studies)) {
    const study = name as StudyName
    const part = command
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    addStudyFlags(part, study)
    addModelOptions(part)
    part.option('--verbose', 'show where an error came from')
    part.addHelpText('after', `${notes}${example}`).action((options) => run(study, options))
  }
}

// ---------------------------------------------------------------------------------------------------------------

const studies: Readonly<Record<StudyName, { readonly summary: string; readonly example: string }>> = {
  ablation: {
    summary: "EAGLE's tree, deeper drafts, pruning, kept graphs, and other budgets, side by side",
    example: `
  heterospec study ablation --draft-head head.gguf --html ablation.html
  heterospec study ablation --model target.gguf --draft-model small.gguf --sample 10 --clock --html ablation.html
  heterospec study ablation --draft-head head.gguf --budgets goodput,fixed:nodes=8`,
  },
  alpha: {
    summary: 'how many levels to add where the text is easy',
    example: `
  heterospec study alpha --draft-head head.gguf --html alpha.html`,
  },
  rank: {
    summary: 'where accepted paths end in the ranking of the drafted nodes, and where the time goes',
    example: `
  heterospec study rank --draft-head head.gguf --html rank.html
  heterospec study rank --draft-head head.gguf --clock --json > rank.json`,
  },
  cost: {
    summary: 'heterospec-cost against the best of many fixed settings and the oracle, and at prices from flat to steep',
    example: `
  heterospec study cost --draft-head head.gguf --html cost.html
  heterospec study cost --recording rec.jsonl --curve gpu --row-ms 20 --level-ms 1`,
  },
  bins: {
    summary: 'entropies, the edges between their bins, and what each bin is worth',
    example: `
  heterospec study bins --draft-head head.gguf --html bins.html
  heterospec study bins --recording rec.jsonl --loss paper`,
  },
}

const notes = `
Answers are recorded once, with the largest trees of all studies at every place, and kept in the folder "studies" of the
cache: another study of the same drafter and questions only replays them. An interrupted one goes on where it stopped.
Counts (calls, tokens, tau) do not depend on the machine; "priced" figures are by its price list; only --clock measures.

Examples:`

async function run(study: StudyName, typed: Typed): Promise<void> {
  const plan = planStudy(study, typed)
  const { flags } = plan
  if (flags.html !== undefined) checkWritable(flags.html)
  const document = flags.recording === undefined ? await makeStudy(study, plan, typed) : ofFile(study, plan)
  console.log(flags.json ? compactJson(document) : describeStudy(document))
  if (flags.html !== undefined) writeFileSync(flags.html, renderStudy(document))
}

function ofFile(study: StudyName, plan: StudyPlan): StudyDocument {
  const recording = readRecording(plan.flags.recording ?? '')
  if (study === 'cost') return costOf(plan, recording)
  return judge(study, plan, openWorld(recording, settingsOf(plan)), null)
}

function costOf({ flags, tree, levelMs }: StudyPlan, recording: Recording): StudyDocument {
  const { cost, curve, rowMs } = flags
  return studyCost(recording, { tree, prices: { cost, curve, rowMs, levelMs } })
}

function settingsOf({ flags, tree }: StudyPlan): Parameters<typeof openWorld>[1] {
  const { loss, edges, cost, curve, rowMs } = flags
  return { tree, loss, edges, prices: { cost, curve, rowMs } }
}

/** What a clocked run needs besides the plan. */
interface Opened {
  readonly engine: Engine
  readonly model: Awaited<ReturnType<typeof locateModel>>
  readonly files: DraftFiles
  readonly signal: AbortSignal
}

async function makeStudy(study: StudyName, plan: StudyPlan, typed: Typed): Promise<StudyDocument> {
  const { flags, tree, clock } = plan
  drafterOf(plan, flags) // a wrong name is told before anything is loaded
  using interrupt = listenForInterrupt()
  const { signal } = interrupt
  const files = await locateDraftFiles(flags, signal)
  const model = await locateModel(typed, { signal, quiet: flags.quiet })
  const sides = study === 'ablation' ? ablationVariants(tree, [], plan.others).length + 1 : 2
  const sequences = clock ? sequencesFor(sides, plan.options) : 1
  await using engine = await openFromFlags(
    // What --calibration means here is a number of questions; and studies start from nothing that lies in the cache.
    { ...typed, model: model.path, calibration: 'off' },
    { signal, speculative: 'off', quiet: flags.quiet, sequences },
  )
  const opened = { engine, model, files, signal }
  const recording = await record(study, plan, opened)
  if (study === 'cost') return costOf(plan, recording)
  const world = openWorld(recording, settingsOf(plan))
  return judge(study, plan, world, clock ? await measure(study, plan, opened, world) : null)
}

async function record(study: StudyName, plan: StudyPlan, opened: Opened): Promise<Recording> {
  const { flags, tree, judged, calibration } = plan
  const { files, signal } = opened
  const progress = createProgress('recording places', 'count')
  try {
    const { recording, leftOut } = await studyRecording({
      ...opened,
      ...{
        judged,
        calibration,
        signal,
        fresh: flags.fresh,
        maxTokens: flags.maxTokens,
        width: tree.topK,
        anyDrafter: study === 'cost',
      },
      drafter: drafterOf(plan, files),
      ...commonOf(files),
      onProgress: (done, total) => {
        if (!flags.quiet) progress.update(done, total)
      },
      onResume: (questions) => {
        if (!flags.quiet) progress.note(`going on with an interrupted recording: ${questions} questions are done`)
      },
    })
    for (const { id, reason } of leftOut) console.error(`left out: question ${id}: ${reason}`)
    return recording
  } finally {
    progress.stop()
  }
}

async function measure(study: StudyName, plan: StudyPlan, opened: Opened, world: StudyWorld): Promise<BenchDocument> {
  const { flags, tree, options, judged } = plan
  const progress = createProgress('answers', 'count')
  const all = ablationVariants(tree, world.bins.edges, plan.others)
  const variants = study === 'ablation' ? all : all.filter(({ name }) => name === ROWS.eagle)
  try {
    return await runClock(
      {
        ...opened,
        ...{ questions: judged.map((question) => ({ ...question, turns: question.turns.slice(0, 1) })), options },
        ...{ fresh: flags.fresh, ...commonOf(opened.files), ...reports(progress, flags.quiet) },
      },
      variants,
      drafterOf(plan, opened.files).drafter,
    )
  } finally {
    progress.stop()
  }
}

function commonOf(files: DraftFiles): { draftModels: string[]; command: string; cacheDir: string } {
  const command = commandLine(process.argv.slice(2))
  return { draftModels: pathsOf(files), command, cacheDir: readEnvironment().cacheDir }
}

function reports(
  progress: Progress,
  quiet: boolean,
): { onProgress: (done: number, total: number) => void; onResume: (turns: number) => void } {
  return {
    onProgress: (done, total) => {
      if (!quiet) progress.update(done, total)
    },
    onResume: (turns) => {
      if (!quiet) progress.note(`going on with an interrupted run: ${turns} turns are done (--fresh starts over)`)
    },
  }
}

function judge(
  study: Exclude<StudyName, 'cost'>,
  plan: StudyPlan,
  world: StudyWorld,
  clock: BenchDocument | null,
): StudyDocument {
  switch (study) {
    case 'ablation':
      return studyAblation(world, plan.others, clock)
    case 'alpha':
      return studyAlpha(world)
    case 'rank':
      return studyRank(world, clock)
    case 'bins':
      return studyBins(world)
  }
}
