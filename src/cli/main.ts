/**
 * The program `heterospec`: finds the command, loads its file, runs it, and turns whatever comes out into one sentence
 * and an exit code (0 ok, 1 error, 2 wrong use, 130 interrupted). Only the command that was typed is imported,
 * because the time from the start of the process to the first token counts.
 */
import { Command, CommanderError } from '@commander-js/extra-typings'
import type { EarlyStart } from '../text/index.ts'
import { HeterospecError, UsageError } from '../util/errors.ts'
import { packageVersion } from '../util/package.ts'
import { interruptionOf, INTERRUPTED } from './interrupt.ts'
import type { CommandModule } from './types.ts'

const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<CommandModule> }>> = {
  run: { summary: 'answer one prompt', load: () => import('./commands/run.ts') },
  chat: { summary: 'talk with a model', load: () => import('./commands/chat.ts') },
  serve: { summary: 'answer requests over HTTP', load: () => import('./commands/serve.ts') },
  pull: { summary: 'fetch a model into the cache', load: () => import('./commands/pull.ts') },
  models: { summary: 'list the models in the cache', load: () => import('./commands/models.ts') },
  inspect: { summary: 'show what a GGUF file holds', load: () => import('./commands/inspect.ts') },
  bench: { summary: 'measure which way to speculate pays here', load: () => import('./commands/bench.ts') },
  cost: { summary: 'measure what passes and drafts cost here', load: () => import('./commands/cost.ts') },
  calibrate: { summary: 'learn what drafts are worth here', load: () => import('./commands/calibrate.ts') },
  simulate: { summary: 'judge budgets for other machines', load: () => import('./commands/simulate.ts') },
  study: { summary: 'count what each part of HeteroSpec does', load: () => import('./commands/study.ts') },
  head: { summary: 'import, feed and train draft heads', load: () => import('./commands/head.ts') },
  doctor: { summary: 'check this machine and measure it', load: () => import('./commands/doctor.ts') },
}

/** Runs the command line `args`; `early` is the model that it names, already on its way. Sets the exit code. */
export async function main(args: readonly string[], early: EarlyStart | undefined): Promise<void> {
  const verbose = args.includes('--verbose')
  const fail = (error: unknown): void => {
    process.exitCode = report(error, verbose)
  }
  // Nothing may end in a stack trace: what slips through is told like any other error.
  const failHard = (error: unknown): never => process.exit(report(error, verbose))
  process.on('uncaughtException', failHard)
  process.on('unhandledRejection', failHard)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe may leave when it likes; the command notices through its `Interrupt`.
    if (error.code !== 'EPIPE') failHard(outputFailure(error))
  })
  process.stderr.on('error', () => undefined)
  try {
    const program = await assemble(args[0] === 'help' ? args[1] : args[0], early)
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    fail(error)
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** The program with the options of one command; the others are names with a summary. */
async function assemble(chosen: string | undefined, early: EarlyStart | undefined): Promise<Command> {
  const program = settle(new Command('heterospec'))
    .description('Lossless speculative decoding of GGUF language models: same text, fewer passes.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .addHelpText('after', '\nheterospec <command> --help shows the options of a command.')
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = settle(new Command(name)).summary(summary).description(summary)
    if (name === chosen) (await load()).define(command, early)
    if (!command.options.some((option) => option.long === '--verbose')) {
      command.option('--verbose', 'show where an error came from')
    }
    program.addCommand(command)
  }
  return program
}

/** Errors are thrown, not exits, and fit on one line. */
function settle(command: Command): Command {
  return command
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      outputError: (text, write) => {
        const line = text.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)/, ' (did you mean $1?)')
        write(`heterospec: ${line}`)
      },
    })
}

function outputFailure(error: Error): UsageError {
  const message = `expected a standard output that can be written, got "${error.message}"; write somewhere else`
  return new UsageError('output-failed', message, { cause: error })
}

/** Prints the sentence of an error and returns the exit code. */
function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const interruption = interruptionOf(error)
  if (interruption) return interruption.exitCode
  if (error instanceof HeterospecError && error.code === 'aborted') return INTERRUPTED
  const expected = error instanceof HeterospecError
  console.error(`heterospec: ${error instanceof Error ? error.message : String(error)}`)
  if (verbose && error instanceof Error) console.error(describe(error))
  else if (!expected) console.error('This is not one of our own errors; --verbose shows where it came from.')
  return expected && error.code === 'bad-option' ? 2 : 1
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
