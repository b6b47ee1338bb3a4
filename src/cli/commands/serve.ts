/**
 * `heterospec serve`: a model behind OpenAI's interface. One line on stdout says where; the log goes to stderr. SIGTERM and Ctrl-C
 * let the answers in work finish, a second Ctrl-C does not.
 */
import type { Command } from '@commander-js/extra-typings'
import { UsageError } from '../../util/errors.ts'
import type { Engine } from '../../engine/index.ts'
import {
  createApp,
  createLogger,
  listen,
  loopbackNames,
  type Listening,
  type ServerLogger,
} from '../../server/index.ts'
import { readFlags, type Typed } from '../flags.ts'
import { INTERRUPTED, listenForInterrupt, openUnlessAborted } from '../interrupt.ts'
import { LogOutput } from '../log-output.ts'
import { locateModel, openFromFlags, withLocalDraftModel } from '../open.ts'
import { addServingOptions } from '../options.ts'
import { AppendingFile } from '../appending-file.ts'
import { compactJson } from '../compact-json.ts'
import { addServeFlags, readServeFlags, servedNames, servedSampling, type ServeSettings } from '../serve-flags.ts'
import { readSpeculation } from '../speculation.ts'

/** Adds argument, options and action. */
export function define(command: Command): void {
  const withOwn = command
    .argument('[model]', 'the same as --model')
    .option('-q, --quiet', 'no progress while the model loads')
  addServeFlags(command)
  addServingOptions(command, servedSampling)
  withOwn.addHelpText('after', examples).action(async (model, options) => {
    const log = await serve(model, options)
    // Node waits for whoever reads the log, for ever.
    if (!(await log.settle(LAST_LINES_MS))) process.exit()
  })
}

// ---------------------------------------------------------------------------------------------------------------

/** Time for the reader of the log to take its last lines. */
const LAST_LINES_MS = 1000

const examples = `
Flags of answers and sampling are for requests that do not say. docs/guide/server.md shows the first request.

Examples:
  heterospec serve
  heterospec serve model.gguf --port 9000 --parallel 4
  heterospec serve --host 0.0.0.0 --api-key-file keys.txt`

async function serve(model: string | undefined, options: Typed): Promise<LogOutput> {
  const typed = withModel(model, options)
  const settings = readServeFlags(typed)
  const asked = readSpeculation(typed)
  const output = new LogOutput(process.stderr)
  const logger = createLogger(settings.logLevel, output)
  await using trace = settings.trace === undefined ? undefined : await openTrace(settings.trace, logger)
  const { engine: opened, stored } = await openInterruptibly(typed, settings, asked)
  await using engine = opened
  const modelNames = servedNames(engine, {
    asked: typed['model'] as string | undefined,
    stored,
    aliases: settings.alias,
  })
  const hostNames = await loopbackNames(settings.host)
  if (!hostNames && settings.apiKeys.length === 0) {
    logger.warn({ host: settings.host }, 'everybody who reaches this server may ask; --api-key-file keeps others out')
  }
  const server = createApp(engine, {
    modelNames,
    apiKeys: settings.apiKeys,
    corsOrigins: settings.corsOrigin,
    hostNames,
    queueLimit: settings.queueLimit,
    answerSeconds: settings.answerSeconds,
    bodyLimit: settings.bodyLimit,
    metrics: settings.metrics,
    pooling: settings.pooling,
    openMetrics: settings.openMetrics,
    page: settings.page ? undefined : false,
    sampling: readFlags(typed, servedSampling.flags),
    maxTokens: typed['maxTokens'] as number | undefined,
    speculative: await withLocalDraftModel(asked, {}),
    logger,
    onRound: trace && ((round) => trace.write(`${compactJson(round)}\n`)),
  })
  using ending = listenForEnd()
  const listening = await listen(server, settings)
  process.stdout.write(`${listeningLine(listening, engine, modelNames[0] ?? stored)}\n`)
  await ending.asked
  logger.info({ running: server.gate.running, waiting: server.gate.waiting }, 'finishing the answers in work')
  await listening.close(1000 * settings.drainSeconds)
  return output
}

/** Answers matter more than their record: what cannot be written is told once and left out. */
function openTrace(path: string, logger: ServerLogger): Promise<AppendingFile> {
  return AppendingFile.open(path, {
    flag: '--trace',
    onFailure: (why) => logger.warn({ file: path, error: why }, 'the trace cannot be written and ends here'),
  })
}

function withModel(model: string | undefined, options: Typed): Typed {
  if (model === undefined) return options
  const named = options['model'] as string | undefined
  if (named === undefined) return { ...options, model }
  const message = `expected one model, got ${model} and --model ${named}; leave one out`
  throw new UsageError('bad-option', message)
}

/** While the model loads, Ctrl-C ends the program. */
async function openInterruptibly(
  typed: Typed,
  { parallel, cacheTokens, cacheRam, cacheEviction }: ServeSettings,
  speculative: ReturnType<typeof readSpeculation>,
): Promise<{ readonly engine: Engine; readonly stored: string }> {
  using interrupt = listenForInterrupt({ terminate: true })
  const { signal } = interrupt
  const quiet = typed['quiet'] === true
  const { name: stored, path } = await locateModel(typed, { signal, quiet })
  const cache = { prefixCacheBytes: cacheRam * 2 ** 20, cacheEviction, cacheTokens }
  const settings = { signal, speculative, quiet, sequences: parallel, ...cache }
  // A signal that nobody looked at any more would be lost, and the server would stay.
  const engine = await openUnlessAborted(signal, () => openFromFlags({ ...typed, model: path }, settings))
  return { engine, stored }
}

function listeningLine({ url }: Listening, { context, sequences }: Engine, name: string): string {
  const places = sequences === 1 ? 'one answer' : `${sequences} answers`
  return `heterospec: listening on ${url} (${name}, ${context} tokens of context, ${places} at a time)`
}

interface Ending extends Disposable {
  /** Resolves when somebody wants the server to end. */
  readonly asked: Promise<void>
}

function listenForEnd(): Ending {
  let begun = false
  let end = (): void => undefined
  const asked = new Promise<void>((resolve) => (end = resolve))
  const onSignal = (signal: NodeJS.Signals): void => {
    if (begun && signal === 'SIGINT') process.exit(INTERRUPTED)
    begun = true
    end()
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  return {
    asked,
    [Symbol.dispose]() {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
    },
  }
}
