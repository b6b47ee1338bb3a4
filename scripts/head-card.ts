/**
 * Writes the model card of a draft head as Markdown: what the file says of itself, what the training run reported and what
 * `heterospec bench` measured. Where the head loses is for a person to say.
 *
 *     npx tsx scripts/head-card.ts head.gguf [--training train.json] [--bench bench.json] [--data chats.jsonl] > docs/heads/NAME.md
 *
 * `train.json` and `bench.json` are what `head train --json` and `bench --json` print.
 */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { format } from 'prettier'
import { showInterval, readDocument, type BenchDocument, type Summary } from '../src/bench/index.ts'
import { loadGguf, quantName, type GgufModel } from '../src/gguf/index.ts'

export interface CardFiles {
  readonly head: string
  readonly training?: string | undefined
  readonly bench?: string | undefined
  readonly data?: string | undefined
}

/** The page. Throws for files that are not what they should be. */
export async function headCard(files: CardFiles): Promise<string> {
  const head = loadGguf(files.head)
  const parts = [
    title(head, files.head),
    aboutFile(head, files.head),
    await aboutTraining(head, files),
    files.training === undefined ? undefined : curve(lastLine(files.training) as TrainingReport),
    files.bench === undefined ? undefined : measured(readDocument(files.bench)),
    '## Where it loses\n\nTo be written by whoever ships the head.',
  ]
  const settings = JSON.parse(readFileSync(new URL('../.prettierrc', import.meta.url), 'utf8')) as object
  return format(parts.filter((part) => part !== undefined).join('\n\n'), { ...settings, parser: 'markdown' })
}

// ---------------------------------------------------------------------------------------------------------------

/** What of `head train --json` is used. */
interface TrainingReport {
  readonly texts: number
  readonly heldOutTexts: number
  readonly answerTokens: number
  /** Share of held-out tokens that are in the draft vocabulary. */
  readonly coverage: number
  readonly curve: readonly {
    readonly step: number
    readonly epoch: number
    readonly tokens: number
    readonly elapsedMs: number
    readonly trainingLoss: number | null
    readonly heldOut: readonly { readonly agreement: number; readonly loss: number }[]
    readonly tau: number
  }[]
  readonly fit: {
    readonly slope: number
    readonly slopeError: number
    readonly predictions: readonly {
      readonly tokens: number
      readonly tau: number
      readonly low: number
      readonly high: number
    }[]
  } | null
}

type Rows = readonly (readonly [name: string, value: string | undefined])[]

function title({ metadata }: GgufModel, path: string): string {
  const target = metadata.string('heterospec.target_name') ?? 'a model that the file does not name'
  return `# ${metadata.string('general.name') ?? basename(path)}

<!-- Made by scripts/head-card.ts; what people wrote stands under "Where it loses". -->

An EAGLE-3 draft head (arXiv 2503.01840) for ${target}: it guesses what this model will say next, and the model checks every
guess, so it changes the speed and never the text. [eagle3](../methods/eagle3.md) says how it drafts,
[the guide](../guide/train-a-head.md) how such a head is made.`
}

function aboutFile(head: GgufModel, path: string): string {
  const { metadata, tensors, files } = head
  const bytes = files.reduce((sum, part) => sum + part.bytes, 0)
  const weights = tensors.filter(({ name }) => name !== 'd2t').reduce((sum, { shape }) => sum + product(shape), 0)
  return `## The file

${table([
  ['file', `\`${basename(path)}\`, ${megabytes(bytes)}`],
  ['SHA-256', `\`${createHash('sha256').update(readFileSync(path)).digest('hex')}\``],
  ['weights', `${(weights / 1e6).toFixed(2)} M: ${typesOf(head)}`],
  [
    'draft vocabulary',
    `${tensors.find(({ name }) => name === 'd2t')?.shape[0] ?? 'all'} tokens of ${metadata.number('eagle3.vocab_size')}`,
  ],
  ['reads', `the streams entering layers ${metadata.numbers('eagle3.target_layers')?.join(', ')} of the target`],
  [
    'made for',
    `\`${metadata.string('heterospec.target_fingerprint') ?? 'any file of the target'}\` (fingerprint of \`heterospec inspect\`)`,
  ],
])}`
}

/** Matrices by type, the largest first. */
function typesOf({ tensors }: GgufModel): string {
  const groups = new Map<string, { readonly names: string[]; bytes: number }>()
  for (const { name, type, bytes, shape } of tensors) {
    if (shape.length < 2) continue
    const group = groups.get(quantName(type)) ?? { names: [], bytes: 0 }
    group.names.push(name.replace(/^blk\.0\.|\.weight$/g, ''))
    group.bytes += bytes
    groups.set(quantName(type), group)
  }
  const sorted = [...groups].sort(([, a], [, b]) => b.bytes - a.bytes)
  return sorted.map(([type, { names }]) => `${type} (${names.join(', ')})`).join('; ')
}

async function aboutTraining({ metadata }: GgufModel, files: CardFiles): Promise<string> {
  const number = (key: string): number | undefined => metadata.number(`heterospec.${key}`)
  const counted = (key: string): string | undefined => number(key)?.toLocaleString('en')
  const [seconds, chain] = [number('training_seconds'), number('held_out_chain')]
  const agreement = metadata
    .string('heterospec.held_out_agreement')
    ?.split(',')
    .map((share) => percent(Number(share)))
  const report = files.training === undefined ? undefined : (lastLine(files.training) as TrainingReport)
  const rows: Rows = [
    ['data', files.data === undefined ? undefined : await aboutData(files.data)],
    ['identity of the data', code(metadata.string('heterospec.data'))],
    ['texts', report && `${report.texts.toLocaleString('en')}, ${report.heldOutTexts} of them held out`],
    ['tokens of answers', counted('data_answer_tokens')],
    [
      'tokens seen',
      counted('trained_answer_tokens') &&
        `${counted('trained_answer_tokens')} (${number('trained_epochs')?.toFixed(2)} epochs, ${counted('trained_steps')} steps)`,
    ],
    ['time of training', seconds === undefined ? undefined : `${(seconds / 3600).toFixed(2)} h`],
    ['covered by the draft vocabulary', report && `${percent(report.coverage)} of held-out answers`],
    ['agreement by depth, held out', agreement?.join(', ')],
    ['as a chain', chain === undefined ? undefined : `${chain.toFixed(2)} tokens per pass on held-out text`],
    ['continued from', code(metadata.string('heterospec.continued_from'))],
    ['imported from', metadata.string('heterospec.import.layout')],
    ['settings', code(metadata.string('heterospec.settings'))],
  ]
  return `## How it was made\n\n${table(rows)}\n\nAgreement is counted with all earlier tokens given; what a tree gains by it stands below.`
}

/** The data file's first line tells how it was made. */
async function aboutData(path: string): Promise<string> {
  const lines = createInterface({ input: createReadStream(path) })
  for await (const line of lines) {
    lines.close()
    const { options } = JSON.parse(line) as { options?: object }
    return `written by the target itself with \`heterospec head data\`${options ? `, \`${JSON.stringify(options)}\`` : ''}`
  }
  throw new Error(`expected a data file, got an empty one: ${path}`)
}

function curve({ curve: points, fit }: TrainingReport): string {
  const depths = points[0]?.heldOut.length ?? 0
  const header = [
    'step',
    'epoch',
    'tokens',
    'minutes',
    'training loss',
    'held-out loss',
    ...Array.from({ length: depths }, (_, depth) => `depth ${depth + 1}`),
    'chain',
  ]
  const rows = points.map(({ step, epoch, tokens, elapsedMs, trainingLoss, heldOut, tau }) => [
    ...[String(step), epoch.toFixed(2), tokens.toLocaleString('en'), (elapsedMs / 60_000).toFixed(0)],
    ...[trainingLoss?.toFixed(3) ?? '', heldOut[0]?.loss.toFixed(3) ?? ''],
    ...[...heldOut.map(({ agreement }) => percent(agreement)), tau.toFixed(3)],
  ])
  const outlook = fit?.predictions.map(
    ({ tokens, tau, low, high }) =>
      `${tau.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) with ${Math.round(tokens).toLocaleString('en')} tokens`,
  )
  const law =
    fit &&
    `Tokens per pass of a chain grow by ${fit.slope.toFixed(2)} (± ${fit.slopeError.toFixed(2)}) with every ten times the text: ${outlook?.join(', ')}.`
  return `## Learning curve\n\n${grid(header, rows)}${law ? `\n\n${law}` : ''}`
}

function measured(document: BenchDocument): string {
  const { provenance, summary, sides } = document
  const groups = [...new Set(summary.map(({ group }) => group))]
  const of = (side: string, group: string): Summary | undefined =>
    summary.find((one) => one.side === side && one.group === group)
  const taus = sides.map(({ name }) => [
    `\`${name}\``,
    ...groups.map((group) => of(name, group)?.tau?.toFixed(2) ?? ''),
  ])
  const speeds = sides.map(({ name }) => [
    `\`${name}\``,
    ...groups.map((group) => {
      const speedup = of(name, group)?.decodeSpeedup
      return speedup ? showInterval(speedup) : ''
    }),
  ])
  const drafting = sides.filter(({ name }) => (of(name, 'overall')?.acceptanceByDepth.length ?? 0) > 0)
  const depths = drafting.map(({ name }) => `\`${name}\`:\n\n${byDepth(groups, (group) => of(name, group))}`)
  return `## Measured

${table([
  ['command', code(provenance.command)],
  ['date', provenance.date],
  [
    'questions',
    `${document.turns.length} turns, ${document.options.maxTokens} tokens each, temperature ${document.options.temperature}`,
  ],
  ['model', `${provenance.model.name}, ${code(provenance.model.sha256) ?? ''}`],
  ['drafters', provenance.drafters.map(({ file, sha256 }) => `${file} ${code(sha256) ?? ''}`).join(', ')],
  ['machine', `${provenance.machine.cpu}, ${provenance.threads} threads, kernels ${provenance.kernels}`],
])}

Tokens per pass of the target (tau), the target's own included:

${grid(['method', ...groups], taus)}

Times as fast as \`${document.options.baseline}\` per token, with 95 % intervals:

${grid(['method', ...groups], speeds)}

Of the passes that drafted so deep, the share that accepted a node there:

${depths.join('\n\n')}`
}

function byDepth(groups: readonly string[], of: (group: string) => Summary | undefined): string {
  const deepest = Math.max(...groups.map((group) => of(group)?.acceptanceByDepth.length ?? 0))
  const header = ['group', ...Array.from({ length: deepest }, (_, depth) => `depth ${depth + 1}`)]
  const rows = groups.map((group) => [
    group,
    ...Array.from({ length: deepest }, (_, depth) => {
      const share = of(group)?.acceptanceByDepth[depth]
      return share === undefined || Number.isNaN(share) ? '' : percent(share)
    }),
  ])
  return grid(header, rows)
}

/** The last line of what a command printed with `--json`. */
function lastLine(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? '')
}

function table(rows: Rows): string {
  return grid(
    ['', ''],
    rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  )
}

function grid(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `\`${text}\``
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, extent) => all * extent, 1)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { training: text, bench: text, data: text },
  })
  const [head] = positionals
  if (head === undefined) throw new Error('expected the file of a head, got none; see the top of this script')
  void headCard({ head, ...values }).then((page) => process.stdout.write(page))
}
