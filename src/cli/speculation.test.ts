import { Command } from '@commander-js/extra-typings'
import { describe, expect, it } from 'vitest'
import type { Typed } from './flags.ts'
import { addSharedOptions } from './options.ts'
import { parseSpeculative, readSpeculation } from './speculation.ts'

describe('readSpeculation', () => {
  it('leaves everything to the engine when nothing was typed', () => {
    expect(readSpeculation({})).toBeUndefined()
    expect(readSpeculation({ speculative: 'auto' })).toBe('auto')
    expect(readSpeculation({ speculative: 'off', budget: 'fixed' })).toBe('off')
    expect(readSpeculation({ budget: 'fixed', fixedNodes: 3 })).toEqual({ budget: { policy: 'fixed', nodes: 3 } })
  })

  it('combines a drafter and a budget with their own flags', () => {
    const typed = { speculative: 'lookup', lookupMaxNgram: 7, budget: 'fixed', fixedNodes: 12 }
    expect(readSpeculation(typed)).toEqual({
      drafter: { method: 'lookup', maxNgram: 7 },
      budget: { policy: 'fixed', nodes: 12 },
    })
    expect(readSpeculation({ speculative: 'recycling' })).toEqual({ drafter: { method: 'recycling' } })
  })

  it('hands flags of a source to combined, which auto is', () => {
    expect(readSpeculation({ lookupMaxNgram: 7, goodputMaxNodes: 4 })).toEqual({
      drafter: { method: 'combined', lookup: { maxNgram: 7 } },
      budget: { policy: 'goodput', maxNodes: 4 },
    })
    const withModel = { speculative: 'combined', combinedSources: ['lookup', 'model'], draftModel: 'small' }
    expect(readSpeculation(withModel)).toMatchObject({
      drafter: { method: 'combined', sources: ['lookup', 'model'], model: { path: 'small' } },
    })
  })

  it('knows what was typed from what the parser fills in', () => {
    const typed = (...args: string[]): Typed => {
      const command = new Command().exitOverride()
      addSharedOptions(command)
      return command.parse(args, { from: 'user' }).opts()
    }
    expect(readSpeculation(typed())).toBeUndefined()
    expect(readSpeculation(typed('--budget', 'fixed'))).toMatchObject({ budget: { policy: 'fixed' } })
    const ablated = ['--budget', 'heterospec', '--no-heterospec-ded', '--heterospec-edges', '1,2.5,4']
    expect(readSpeculation(typed(...ablated))).toMatchObject({
      budget: { policy: 'heterospec', ded: false, edges: [1, 2.5, 4] },
    })
    expect(() => readSpeculation(typed('--budget', 'fixed', '--no-heterospec-tnp'))).toThrow('got --no-heterospec-tnp')
  })

  it('takes --draft-model as the choice of the model drafter', () => {
    expect(readSpeculation({ draftModel: 'small', modelMaxWidth: 1 })).toMatchObject({
      drafter: { method: 'model', path: 'small', maxWidth: 1 },
    })
  })

  it('takes --draft-head as the choice of the head', () => {
    expect(readSpeculation({ draftHead: 'head.gguf', budget: 'eagle', eagleTopK: 4 })).toEqual({
      drafter: { method: 'eagle3', path: 'head.gguf' },
      budget: { policy: 'eagle', topK: 4 },
    })
    const merged = { speculative: 'combined', combinedSources: ['lookup', 'eagle3'], draftHead: 'h', eagle3MaxWidth: 2 }
    expect(readSpeculation(merged)).toMatchObject({
      drafter: { method: 'combined', sources: ['lookup', 'eagle3'], eagle3: { path: 'h', maxWidth: 2 } },
    })
  })

  it.each([
    [
      { speculative: 'lookup', recyclingMaxDepth: 4 },
      'expected options that belong to --speculative lookup, got --recycling-max-depth; add --speculative recycling',
    ],
    [{ speculative: 'off', lookupMaxNgram: 4 }, 'got --lookup-max-ngram'],
    [
      { budget: 'fixed', goodputMaxNodes: 4 },
      'expected options that belong to --budget fixed, got --goodput-max-nodes; add --budget goodput',
    ],
    [{ fixedDepth: 4 }, 'got --fixed-depth; add --budget fixed'],
    [{ draftModel: 'small', goodputDepth: 4 }, 'belong to --budget heterospec-cost, got --goodput-depth; add --budget'],
    [{ speculative: 'auto', draftModel: 'small' }, 'got --draft-model; add --speculative model'],
    [{ combinedSources: ['recycling'], lookupMaxNgram: 3 }, 'got --lookup-max-ngram'],
    [{ speculative: 'model' }, 'expected --draft-model with the draft model, got none'],
    [{ speculative: 'eagle3' }, 'expected --draft-head with the draft head, got none'],
    [{ draftModel: 'small', draftHead: 'head' }, 'got --draft-head; add --speculative eagle3'],
  ])('refuses %j', (typed, message) => {
    expect(() => readSpeculation(typed)).toThrow(message)
  })
})

describe('parseSpeculative', () => {
  it('knows the names', () => {
    expect(parseSpeculative('lookup')).toBe('lookup')
    expect(() => parseSpeculative('lokup')).toThrow('expected one of auto, off, lookup')
  })
})
