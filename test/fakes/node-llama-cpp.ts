/**
 * A package that looks like node-llama-cpp to the script that uses it. Its model counts: after token n comes n + 1. Its
 * predictors confirm one token in every second pass. Behaviour is chosen by the name of the model file.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Puts it into `folder/node_modules`. */
export function fakeNodeLlamaCpp(folder: string, version: string): void {
  const place = join(folder, 'node_modules', 'node-llama-cpp')
  mkdirSync(place, { recursive: true })
  const manifest = { name: 'node-llama-cpp', version, type: 'module', exports: { '.': './index.js' } }
  writeFileSync(join(place, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(place, 'index.js'), source)
}

const source = `
export class InputLookupTokenPredictor {
  constructor(options) { this.options = options }
  updateInputTokens(tokens) { tellTale(this.options.patternLength?.min, [this.options, tokens]) }
}
export class DraftSequenceTokenPredictor {
  constructor(sequence, options) { tellTale(options.minTokens, [sequence.of, options]) }
}
// The number 99 among the options makes a predictor tell what it was made of.
function tellTale(number, facts) {
  if (number === 99) throw new Error(JSON.stringify(facts))
}
class Sequence {
  constructor(of, predictor) {
    Object.assign(this, { of, predictor, tokenPredictions: { used: 0, unused: 0, validated: 0, refuted: 0 } })
  }
  async *evaluate(tokens, options) {
    if (options.temperature !== 0 || !options.yieldEogToken) throw new Error('not greedy')
    const counts = this.tokenPredictions
    for (let token = tokens.at(-1) + 1, step = 0; ; token++, step++) {
      if (token === 600) throw new Error('token 600 is forbidden')
      if (token === 700) process.abort()
      if (this.of.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 30))
      // The first pass drafts one token in vain; then each pass drafts two of which one is right, and gives two tokens.
      if (this.predictor && step === 0) counts.refuted += 1
      if (this.predictor && step % 2 === 1) { counts.validated += 1; counts.refuted += 1 }
      if (this.predictor && step % 2 === 0 && step > 0) counts.used += 1
      yield token
    }
  }
  async dispose() {}
}
export async function getLlama({ gpu, build, maxThreads }) {
  console.log('a word on standard output')
  if (gpu !== false || build !== 'never') throw new Error('wrong options')
  return {
    llamaCppRelease: { release: 'v0' },
    async loadModel({ modelPath }) {
      if (modelPath === 'broken.gguf') throw new Error('no model')
      return {
        useMmap: true,
        async createContext({ contextSize, threads, flashAttention }) {
          return {
            contextSize, flashAttention, currentThreads: Math.min(maxThreads, threads.ideal, 4),
            getSequence: ({ tokenPredictor } = {}) => new Sequence(modelPath, tokenPredictor),
          }
        },
      }
    },
  }
}
`
