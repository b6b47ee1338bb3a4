/**
 * The price of drafting with an EAGLE-3 head, in passes of its target over one row: trees of several shapes, heads of random
 * weights (the price does not depend on what they say). Rounds and passes take turns in one process.
 *
 *     npx tsx bench/heads.ts [--model FILE] [--threads 1] [--context 512] [--turns 15] [--vocabularies 8192,16384] [--types q8_0,q4_0]
 *     npx tsx bench/heads.ts --head smollm2-135m-eagle3    a head of its own instead
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeTinyHead } from '../scripts/make-tiny-head.ts'
import type { WeightType } from '../scripts/tiny/encoding.ts'
import { create } from '../src/draft/methods/eagle3.ts'
import { loadDraftHead, loadModel, type GraphModel } from '../src/model/index.ts'
import { createPolicy } from '../src/policy/index.ts'
import { resolveModel } from '../src/store/index.ts'
import { createTree, type RoundOutcome } from '../src/tree/index.ts'
import { median } from '../src/util/math.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    threads: { type: 'string', default: '1' },
    context: { type: 'string', default: '512' },
    turns: { type: 'string', default: '15' },
    vocabularies: { type: 'string', default: '8192,16384' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    head: { type: 'string' },
  },
})

/** Levels and width. */
const SHAPES = [
  { depth: 4, width: 1 },
  { depth: 4, width: 4 },
  { depth: 7, width: 8 },
  { depth: 7, width: 10 },
  { depth: 8, width: 10 },
]
/** Nodes that are verified: the official number. */
const NODES = 59
/** Accepted nodes per round: rows that the head reads with true features next time. */
const ACCEPTED = 1

const path = (await resolveModel(values.model)).path
const folder = mkdtempSync(join(tmpdir(), 'heterospec-heads-'))
try {
  await using model = await loadModel(path, { threads: Number(values.threads), context: 1024 })
  const rows: string[][] = []
  if (values.head !== undefined)
    rows.push(...(await measure(model, (await resolveModel(values.head)).path, values.head)))
  else
    for (const weightType of values.types.split(',') as WeightType[]) {
      for (const draftVocabSize of values.vocabularies.split(',').map(Number)) {
        const file = await makeTinyHead(join(folder, 'head.gguf'), { target: path, weightType, draftVocabSize })
        rows.push(...(await measure(model, file, `${weightType}, ${draftVocabSize}`)))
      }
    }
  console.log(['head', 'tree', 'draft ms', 'pass ms', 'draft / pass (quartiles)'].join(' | '))
  for (const row of rows) console.log(row.join(' | '))
} finally {
  rmSync(folder, { recursive: true })
}

// ---------------------------------------------------------------------------------------------------------------

async function measure(model: GraphModel, file: string, name: string): Promise<string[][]> {
  const context = Number(values.context)
  await using drafter = await create(
    { method: 'eagle3', path: file, maxDepth: 16, maxWidth: 10 },
    { loadDraftHead: (head) => loadDraftHead(head, model) },
  )
  const feature = Float32Array.from({ length: 3 * model.spec.width }, (_, i) => Math.sin(i * 12.9898) * 3)
  const scores = { logits: () => feature, features: () => feature }
  using sequence = model.open()
  const results: string[][] = []
  for (const { depth, width } of SHAPES) {
    const text = Array.from({ length: context }, (_, i) => 100 + ((i * 7919) % 40000))
    using session = drafter.open(text)
    const policy = createPolicy({ policy: 'fixed', depth, width, nodes: NODES })
    const budget = { depth, width, nodes: NODES }
    const observe = (outcome: Pick<RoundOutcome, 'tree' | 'accepted'>, at: number): void => {
      session.observe({ ...outcome, next: 5, context: at, draftMs: 0, verifyMs: 0 }, scores)
      text.push(...outcome.accepted.map((node) => outcome.tree.tokens[node] as number), 5)
    }
    // The prompt's rows, one by one: what a session would have heard.
    text.slice(1).forEach((next, at) => {
      const tree = createTree(text[at] ?? 0)
      session.observe({ tree, accepted: [], next, context: at, draftMs: 0, verifyMs: 0 }, scores)
    })
    const draft: number[] = []
    const pass: number[] = []
    for (let turn = -3; turn < Number(values.turns); turn++) {
      for (let round = 0; round < 4; round++) {
        const started = performance.now()
        const { tree } = await session.propose({ tokens: text, budget, policy })
        const ms = performance.now() - started
        observe({ tree, accepted: tree.children(0).slice(0, ACCEPTED) }, text.length - 1)
        if (turn >= 0) draft.push(ms)
      }
      for (let i = 0; i < 4; i++) {
        const ms = await model.timePass(sequence, 1, context)
        if (turn >= 0) pass.push(ms)
      }
    }
    const ratios = draft.map((ms, i) => ms / (pass[i] ?? NaN)).sort((a, b) => a - b)
    const at = (share: number): string => (ratios[Math.floor(share * (ratios.length - 1))] ?? NaN).toFixed(2)
    results.push([
      name,
      `${depth} levels, width ${width}`,
      median(draft).toFixed(2),
      median(pass).toFixed(2),
      `${(median(draft) / median(pass)).toFixed(2)} (${at(0.25)} to ${at(0.75)})`,
    ])
  }
  return results
}
