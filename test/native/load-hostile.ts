/**
 * Child process of `hostile.test.ts`: puts hostile files through the real loader, tokenizer and one pass. Each file's
 * name is printed before it is tried, so that the parent can name the one that ended the process.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadGguf } from '../../src/gguf/index.ts'
import { loadModel } from '../../src/model/index.ts'
import { createTemplate, loadTokenizer } from '../../src/text/index.ts'
import { HeterospecError } from '../../src/util/errors.ts'
import { hostileFiles } from '../fixtures/hostile.ts'
import { lies } from './lies.ts'

/** Loads a file as the engine does and reads a few tokens with it. */
async function use(path: string): Promise<string> {
  try {
    const gguf = loadGguf(path)
    using tokenizer = await loadTokenizer(gguf)
    createTemplate(gguf.metadata, tokenizer)
    await using model = await loadModel(gguf, { context: 32, threads: 1 })
    using sequence = model.open()
    const tokens = tokenizer.tokenize('hello').filter((token) => token < model.spec.vocabSize)
    await sequence.prefill(tokens.length > 0 ? tokens : [0])
    return 'used'
  } catch (error) {
    if (error instanceof HeterospecError) return `refused: ${error.code} ${error.message}`
    return `broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}

const path = join(process.argv[2] ?? '.', 'hostile.gguf')
for (const { name, bytes } of [...hostileFiles(), ...lies()]) {
  console.log(JSON.stringify({ trying: name }))
  writeFileSync(path, bytes)
  console.log(JSON.stringify({ name, outcome: await use(path) }))
}
