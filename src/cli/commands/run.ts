/**
 * `heterospec run`: one prompt, one answer. The answer goes to stdout as it grows, everything else to stderr, so that
 * a pipe gets the text and nothing but the text (or, with `--json`, one document).
 */
import type { Command } from '@commander-js/extra-typings'
import type { Engine, GenerateEvent, GenerateRequest, GenerateResult, RoundTrace } from '../../engine/index.ts'
import type { EarlyStart } from '../../text/index.ts'
import { UsageError } from '../../util/errors.ts'
import { checkChatLog, logChat } from '../chat-log.ts'
import type { Typed } from '../flags.ts'
import { legend, openPainter, wantsColour } from '../highlight.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { openFromFlags } from '../open.ts'
import { addSharedOptions, readRequestOptions } from '../options.ts'
import { createProgress } from '../progress.ts'
import { readPrompt } from '../prompt.ts'
import { readSpeculation } from '../speculation.ts'
import { explanationLine, resultDocument, statisticsLine } from '../statistics.ts'
import { openLines } from '../trace.ts'

/** Adds argument, options and action. */
export function define(command: Command, early?: EarlyStart): void {
  const withOwn = command
    .argument('[prompt]', 'what to answer; "-" or nothing reads standard input')
    .option('-f, --file <path>', 'read the prompt from a file')
    .option('--raw', 'continue the prompt as it is, without the chat template')
    .option('--highlight', 'colour drafted and accepted tokens (FORCE_COLOR=1 colours pipes too)')
    .option('--trace <file>', 'write one line of JSON per round')
    .option('--explain', 'say after each round why so much was drafted, on standard error')
    .option('--log-chats <file>', 'append question and answer to this file, for "head train"')
    .option('--json', 'print one JSON document as the last line instead of the text')
    .option('-q, --quiet', 'no progress, no statistics')
  addSharedOptions(command)
  withOwn.addHelpText('after', examples).action((argument, options) => run(argument, options, early))
}

// ---------------------------------------------------------------------------------------------------------------

const examples = `
Without sampling flags the most likely token is taken each time, so the same prompt gives the same answer.
docs/options.md lists every flag with its range.

Examples:
  heterospec run "Why is the sky blue?"
  heterospec run --speculative lookup --budget fixed --fixed-nodes 12 --file article.txt
  echo "Say hello" | heterospec run --json --max-tokens 32 -`

/** The flags that only `run` has. */
interface OwnOptions {
  readonly file?: string | undefined
  readonly raw?: true | undefined
  readonly highlight?: true | undefined
  readonly trace?: string | undefined
  readonly explain?: true | undefined
  readonly logChats?: string | undefined
  readonly json?: true | undefined
  readonly quiet?: true | undefined
}

async function run(argument: string | undefined, options: OwnOptions, early: EarlyStart | undefined): Promise<void> {
  const typed = options as Typed
  const quiet = options.quiet === true
  checkFlags(options, typed)
  const speculative = readSpeculation(typed)
  const text = await readPrompt({ argument, file: options.file, stdin: process.stdin })
  using trace = options.trace === undefined ? undefined : openLines(options.trace, '--trace')
  using interrupt = listenForInterrupt()
  await using engine = await openFromFlags(typed, { signal: interrupt.signal, speculative, quiet, early })
  const reading = createProgress('reading the prompt', 'count')
  const request: GenerateRequest = {
    ...readRequestOptions(typed),
    prompt: promptFor(engine, text, options, typed['system'] as string | undefined),
    signal: interrupt.signal,
    onPrefill: (done, total) => {
      if (!quiet) reading.update(done, total)
    },
  }
  const write = writerFor(engine, options)
  let result: GenerateResult | undefined
  try {
    for await (const event of engine.generate(request)) {
      reading.stop()
      if (event.type === 'text') write(event)
      else if (event.type === 'round') {
        trace?.write(event.trace)
        if (options.explain) explain(event.trace, options)
      } else result = event
    }
  } finally {
    reading.stop()
  }
  if (!result) return
  log(request, result, options.logChats)
  finish(result, options, interrupt.reason?.exitCode)
}

function checkFlags(options: OwnOptions, typed: Typed): void {
  if (options.raw && typed['system'] !== undefined) {
    const message =
      'expected a chat for --system, got --raw; leave one of them out, or write the system text into the prompt'
    throw new UsageError('bad-option', message)
  }
  if (typed['speculative'] === 'off' && typed['calibration'] !== undefined) {
    const message = 'expected a drafter for --calibration, got --speculative off; leave one of them out'
    throw new UsageError('bad-option', message)
  }
  if (options.logChats !== undefined) {
    if (options.raw) {
      throw new UsageError('bad-option', 'expected a chat for --log-chats, got --raw; leave one of them out')
    }
    checkChatLog(options.logChats)
  }
  if (options.json && options.highlight) {
    throw new UsageError('bad-option', 'expected text for --highlight, got --json; leave one of them out')
  }
}

/** A chat of one question where the model has a template, else plain text to continue. */
function promptFor(
  engine: Engine,
  text: string,
  options: OwnOptions,
  system: string | undefined,
): GenerateRequest['prompt'] {
  // Who writes the whole prompt also writes its control tokens.
  if (options.raw) return Int32Array.from(engine.tokenizer.tokenize(text, { parseSpecial: true }))
  if (!engine.template) return text
  const question = { role: 'user', content: text } as const
  return system === undefined ? [question] : [{ role: 'system', content: system }, question]
}

/** A model without a template has no chats. */
function log({ prompt, temperature = 0 }: GenerateRequest, result: GenerateResult, path: string | undefined): void {
  if (path === undefined || typeof prompt === 'string' || prompt instanceof Int32Array) return
  const messages = [...prompt, { role: 'assistant', content: result.text } as const]
  logChat(path, { messages, temperature, finished: result.finishReason === 'stop' })
}

type TextEvent = Extract<GenerateEvent, { type: 'text' }>

function writerFor(engine: Engine, options: OwnOptions): (event: TextEvent) => void {
  if (options.json) return () => undefined
  if (!options.highlight) return ({ text }) => void process.stdout.write(text)
  if (!wantsColour(process.stdout)) {
    console.error('heterospec: --highlight needs a terminal with colours; FORCE_COLOR=1 colours anything')
    return ({ text }) => void process.stdout.write(text)
  }
  const painter = openPainter(engine.tokenizer)
  console.error(legend)
  return ({ text, tokens, origins }) => void process.stdout.write(painter.paint(text, tokens, origins))
}

/** On a terminal the answer's unfinished line stands in the way. */
function explain(trace: RoundTrace, options: OwnOptions): void {
  const gap = process.stdout.isTTY && !options.json ? '\n' : ''
  process.stderr.write(`${gap}${explanationLine(trace)}\n`)
}

/** An interruption by a closed output is silent: nobody is there to read. */
function finish(result: GenerateResult, options: OwnOptions, exitCode: number | undefined): void {
  if (exitCode === 0) return
  if (options.json) process.stdout.write(`${resultDocument(result)}\n`)
  else if (result.text !== '' && !result.text.endsWith('\n')) process.stdout.write('\n')
  if (!options.quiet) process.stderr.write(`${statisticsLine(result)}\n`)
  if (exitCode !== undefined) process.exitCode = exitCode
}
