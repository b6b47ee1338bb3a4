import { describe, expect, it } from 'vitest'
import { parsePeers, peerNames } from './peer-names.ts'

const options = {
  draftModel: 'small.gguf',
  llamaServer: '/opt/llama-server',
  llamaServerArgs: ['--spec-type  ngram-simple', '-md "a b.gguf" --note \'x y\'', ' '],
  serverUrl: 'http://127.0.0.1:1',
}

function names(...requests: string[]): string[] {
  return parsePeers(requests, options).map(({ name }) => name)
}

describe('names of peers', () => {
  it('are all understood', () => {
    expect(new Set(names(...peerNames)).size).toBeGreaterThanOrEqual(peerNames.length)
  })

  it('bring the plain side that they are judged by, once', () => {
    expect(names('node-llama-cpp/lookup', ' node-llama-cpp/draft', 'node-llama-cpp', 'libllama', 'libllama')).toEqual([
      ...['node-llama-cpp', 'node-llama-cpp/lookup', 'node-llama-cpp/draft', 'libllama'],
    ])
    expect(parsePeers(['llama-server'], options)).toEqual([
      { program: 'llama-server', name: 'llama-server', flags: [] },
      {
        program: 'llama-server',
        name: 'llama-server/--spec-type ngram-simple',
        flags: ['--spec-type', 'ngram-simple'],
      },
      {
        program: 'llama-server',
        name: 'llama-server/-md a b.gguf --note x y',
        flags: ['-md', 'a b.gguf', '--note', 'x y'],
      },
    ])
  })

  it('carry options of predictors', () => {
    expect(parsePeers(['node-llama-cpp/lookup:2:4', 'node-llama-cpp/draft:3'], options).slice(1)).toMatchObject([
      { predictor: { lookup: { patternLength: { min: 2 }, predictionLength: { max: 4 } } } },
      { predictor: { draft: { minTokens: 3 } } },
    ])
    for (const name of ['lookup:0:1', 'lookup:2:1', 'lookup:2', 'lookup:a:b', 'lookup:1:2:3', 'draft:0', 'draft:x']) {
      expect(() => names(`node-llama-cpp/${name}`), name).toThrow(/^expected node-llama-cpp\/.*, got "node-llama-cpp\//)
    }
  })

  it('are refused with the nearest when unknown, and with the missing option', () => {
    expect(() => names('lama-server')).toThrow(/libllama, .*server, got "lama-server"; did you mean "llama-server"\?$/)
    expect(() => names('')).toThrow(/got ""; choose among them$/)
    expect(() => parsePeers(['server'], {})).toThrow('expected --server-url for the peer server, got none; add it')
    expect(() => parsePeers(['server'], { serverUrl: 'localhost:80' })).toThrow('expected a server like http://')
    expect(() => parsePeers(['llama-server'], {})).toThrow('expected --llama-server for')
    expect(() => parsePeers(['node-llama-cpp/draft:2'], {})).toThrow('expected --draft-model for')
  })
})
