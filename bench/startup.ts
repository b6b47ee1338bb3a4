/**
 * Process start to first token of a short prompt, against the shortest C program on libllama, in turns:
 * `npx tsx bench/startup.ts --repeats 15`. Needs gcc and a built `dist/`. The last line is JSON.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPackagedLibraries } from '../src/ffi/index.ts'
import { benchOptions } from './options.ts'
import { quartiles, showInterval as show } from '../src/bench/index.ts'

const options = await benchOptions({ repeats: 15 })
const libraries = findPackagedLibraries()
const folder = mkdtempSync(join(tmpdir(), 'heterospec-startup-'))
const program = join(folder, 'first-token')
const shared = readdirSync(libraries).filter((name) => /^lib(llama|ggml)\.v|^libggml-base/.test(name))
execFileSync('gcc', [
  ...['-O2', '-o', program, new URL('first-token.c', import.meta.url).pathname],
  ...shared.map((name) => join(libraries, name)),
  `-Wl,-rpath,${libraries}`,
])
const question = 'What is the capital of France?'
const rendered = `<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`
const theirs = [program, libraries, options.modelPath, rendered, String(options.threads)]
const ours = [
  ...[process.execPath, new URL('../bin/heterospec.cjs', import.meta.url).pathname, 'run', question],
  ...['--model', options.modelPath, '--threads', String(options.threads), '--max-tokens', '2'],
]
const ratios: number[] = []
for (let index = -2; index < options.repeats; index++) {
  const pair =
    index % 2 === 0
      ? [await firstByte(theirs), await firstByte(ours)]
      : [await firstByte(ours), await firstByte(theirs)].reverse()
  const [their, our] = pair as [number, number]
  if (index >= 0) ratios.push(our / their)
}
rmSync(folder, { recursive: true })
const result = { firstTokenOverLlama: quartiles(ratios) }
console.log(
  `process start to first token, over llama.cpp's (median, quartiles): ${show(result.firstTokenOverLlama, 2)}`,
)
console.log(JSON.stringify(result))

/** Milliseconds from spawn to the first byte on standard output. */
function firstByte([command = '', ...args]: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let first: number | undefined
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', () => (first ??= performance.now() - started))
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 && first !== undefined ? resolve(first) : reject(new Error(`${command} ended with ${code}`)),
    )
  })
}
