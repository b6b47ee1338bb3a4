import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StopFilter, TextStream } from './index.ts'

/** Tokens are numbers of byte pieces. */
function streamOf(pieces: readonly Uint8Array[]): { sent: string[]; rest: string } {
  const stream = new TextStream({ bytes: (token) => pieces[token]! })
  const sent = pieces.map((_, token) => stream.push(token))
  return { sent, rest: stream.flush() }
}

/** Cuts bytes into pieces after each position. */
function cut(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const ends = [...positions.map((position) => position % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end))
}

const positions = fc.array(fc.nat(), { maxLength: 12 })

describe('TextStream', () => {
  it('gives the text however its bytes are cut, and never half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), positions, (text, ends) => {
        const { sent, rest } = streamOf(cut(new TextEncoder().encode(text), ends))
        expect(sent.join('')).toBe(text)
        expect(rest).toBe('')
      }),
    )
  })

  it('gives what a decoder of the whole gives, for bytes of any kind', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), positions, (bytes, ends) => {
        const { sent, rest } = streamOf(cut(bytes, ends))
        expect(sent.join('') + rest).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      }),
      { numRuns: 500 },
    )
  })

  it('holds the bytes of an unfinished character and marks it as broken only at the end', () => {
    const [first, second, third, fourth] = [0xf0, 0x9f, 0x8e, 0x89].map((byte) => Uint8Array.of(byte))
    expect(streamOf([first!, second!, third!, fourth!])).toEqual({ sent: ['', '', '', '🎉'], rest: '' })
    expect(streamOf([first!, second!, third!])).toEqual({ sent: ['', '', ''], rest: '\ufffd' })
    expect(streamOf([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)])).toEqual({ sent: ['\ufeffa'], rest: '' })
  })
})

describe('StopFilter', () => {
  const filterOf = (pieces: readonly string[], stops: readonly string[]) => {
    const filter = new StopFilter(stops)
    const sent = pieces.map((piece) => filter.push(piece))
    return { sent, rest: filter.flush(), stopped: filter.stopped }
  }
  const short = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })
  const stopList = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 4 }), { maxLength: 4 })

  /** One character at a time, without memory: the definition. */
  function reference(text: string, stops: readonly string[]): { text: string; stopped: string | undefined } {
    for (let end = 1; end <= text.length; end++) {
      const ended = stops.filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop))
      const longest = ended.sort((a, b) => b.length - a.length)[0]
      if (longest !== undefined) return { text: text.slice(0, end - longest.length), stopped: longest }
    }
    return { text, stopped: undefined }
  }

  it('ends at the first completed stop string however the text is cut', () => {
    fc.assert(
      fc.property(short, stopList, positions, (text, stops, ends) => {
        const pieces = cut(new TextEncoder().encode(text), ends).map((piece) => new TextDecoder().decode(piece))
        const { sent, rest, stopped } = filterOf(pieces, stops)
        expect({ text: sent.join('') + rest, stopped }).toEqual(reference(text, stops))
      }),
      { numRuns: 2000 },
    )
  })

  it('sends everything that cannot become a stop string', () => {
    fc.assert(
      fc.property(short, stopList, (text, stops) => {
        const { sent, stopped } = filterOf([text], stops)
        if (stopped !== undefined) return
        const held = text.slice(sent[0]!.length)
        const shortest = Array.from({ length: text.length + 1 }, (_, length) => text.slice(text.length - length))
        const canBegin = shortest.filter((end) =>
          stops.some((stop) => stop.length > end.length && stop.startsWith(end)),
        )
        expect(held).toBe(canBegin.at(-1) ?? '')
      }),
      { numRuns: 1000 },
    )
  })

  it('holds a possible beginning, drops the stop string, and stays silent after it', () => {
    expect(filterOf(['one #', '#', ' two', '# end'], ['###', 'end'])).toEqual({
      sent: ['one ', '', '## two', '# '],
      rest: '',
      stopped: 'end',
    })
    expect(filterOf(['x', 'STOP', 'y'], ['STOP'])).toEqual({ sent: ['x', '', ''], rest: '', stopped: 'STOP' })
    expect(filterOf(['a ST'], ['STOP'])).toEqual({ sent: ['a '], rest: 'ST', stopped: undefined })
    expect(filterOf(['plain'], [''])).toEqual({ sent: ['plain'], rest: '', stopped: undefined })
  })
})
