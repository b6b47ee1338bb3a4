/**
 * Servers under load: `npm run build && npx tsx bench/load.ts --methods auto --llama-server PATH --html load.html > load.txt`. Ours with
 * speculation off (twice: what differs there is noise) and on, and llama-server where it is given, on the same file, threads and number
 * of places; closed loops of some clients and requests that come by chance. Ratios against off, per round; the last line is JSON.
 * `--from load.txt --html load.html` makes the page of an earlier run again. docs/bench.md says how it measures.
 *
 * Further flags: --clients 1,4,8,16 --rates 0.5,0.8,1.1 (of what `off` manages with the most clients; `none`: no such loads) --rounds 3
 * --per-client 2 (requests of a block) --tokens 64 --slots 8 --context 1024 --seed 1 --suite FILE --longest 1500 (characters of a prompt)
 * --llama-args='--spec-type ngram-simple; ...' (a side for each set) --markdown on
 */
import { writeFile } from 'node:fs/promises'
import { loadSuite } from '../src/bench/index.ts'
import { collectProvenance } from '../src/bench/provenance.ts'
import { readLoadDocument } from '../src/bench/load/read.ts'
import { renderLoad } from '../src/bench/load/report/page.ts'
import { runLoads } from '../src/bench/load/run.ts'
import { serveLlama, serveOurs } from '../src/bench/load/serve.ts'
import { loadMarkdown, loadRows } from '../src/bench/load/table.ts'
import type { LoadDocument } from '../src/bench/load/types.ts'
import { formatTable } from '../src/cli/format.ts'
import { createProgress } from '../src/cli/progress.ts'
import { loadTokenizer } from '../src/text/index.ts'
import { UsageError } from '../src/util/errors.ts'
import { benchFlags, modelFile, numberList, onOrOff } from './options.ts'

const flags = benchFlags(
  { tokens: 64 },
  {
    ...{ methods: 'auto', clients: '1,4,8,16', rates: '0.5,0.8,1.1', rounds: '3', 'per-client': '2', slots: '8' },
    ...{ context: '1024', seed: '1', suite: '', longest: '1500', 'llama-server': '', 'llama-args': '' },
    ...{ markdown: 'off', html: '', from: '' },
  },
)
const { extra } = flags
const markdown = onOrOff('markdown', extra.markdown)
const document = extra.from === '' ? await measure() : readLoadDocument(extra.from)
console.log(markdown ? loadMarkdown(document) : formatTable(loadRows(document), [2, 3, 4, 5, 6, 7, 8, 9, 10]))
for (const failure of document.failures) console.log(`failed: ${failure}`)
console.log(JSON.stringify(document))
// Last: a page that cannot be written must not cost what was measured; `--from` makes it again.
if (extra.html !== '') await writeFile(extra.html, renderLoad(document))

async function measure(): Promise<LoadDocument> {
  const { threads, tokens } = flags
  const shares = extra.rates === 'none' ? [] : extra.rates.split(',').map(Number)
  if (!shares.every((share) => share > 0)) {
    throw new UsageError('bad-option', `expected --rates like 0.5,0.8,1.1, got "${extra.rates}"`)
  }
  const options = {
    clients: numberList('clients', extra.clients),
    ...{ shares, rounds: whole('rounds'), perClient: whole('per-client'), maxTokens: tokens, seed: whole('seed') },
  }
  const suite = loadSuite(extra.suite === '' ? undefined : extra.suite)
  const questions = suite.questions.filter(({ turns }) => (turns[0] ?? '').length <= whole('longest'))

  const modelPath = await modelFile(flags)
  using tokenizer = await loadTokenizer(modelPath)
  const serving = { modelPath, threads, tokenizer, slots: whole('slots'), context: whole('context') }
  const methods = extra.methods.split(',').map((name) => name.trim())
  await using ours = await serveOurs(methods, serving)
  const sets = extra['llama-args'].split(';').map((set) => set.trim())
  await using theirs =
    extra['llama-server'] === '' ? undefined : await serveLlama(extra['llama-server'], sets.filter(Boolean), serving)

  const progress = createProgress('blocks', 'count')
  const result = await runLoads({
    ...{ sides: [...ours.sides, ...(theirs?.sides ?? [])], questions, options },
    onProgress: (done, total) => progress.update(done, total),
  })
  progress.stop()
  const name = modelPath.split('/').at(-1) ?? modelPath
  return {
    ...result,
    provenance: await collectProvenance({
      ...{ command: `bench/load.ts ${process.argv.slice(2).join(' ')}`, model: { name, path: modelPath } },
      ...{ draftModels: [], threads, context: serving.context },
    }),
  }
}

function whole(flag: keyof typeof extra): number {
  const value = Number(extra[flag])
  if (Number.isInteger(value) && value > 0) return value
  throw new UsageError('bad-option', `expected a whole number of at least 1 for --${flag}, got "${extra[flag]}"`)
}
