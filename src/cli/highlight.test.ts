import { describe, expect, it } from 'vitest'
import { openPainter, wantsColour } from './highlight.ts'

const pieces = ['Hel', 'lo', ' wo', 'rld']
const bytes = (token: number): Uint8Array =>
  token < 100 ? new TextEncoder().encode(pieces[token]) : Uint8Array.of(token)
const green = (text: string): string => `\x1b[32m${text}\x1b[39m`

describe('openPainter', () => {
  it('colours drafted tokens and leaves the target’s own plain', () => {
    const painter = openPainter({ bytes })
    expect(painter.paint('Hello', [0, 1], ['target', 'drafted'])).toBe(`Hel${green('lo')}`)
    expect(painter.paint(' world', [2, 3], ['drafted', 'target'])).toBe(`${green(' wo')}rld`)
  })

  it('keeps origins of text that the engine holds back', () => {
    const painter = openPainter({ bytes })
    expect(painter.paint('H', [0, 1], ['target', 'drafted'])).toBe('H')
    expect(painter.paint('ello', [], [])).toBe(`el${green('lo')}`)
  })

  it('gives a character of two tokens to the one that completes it', () => {
    const painter = openPainter({ bytes })
    expect(painter.paint('', [0xc3], ['target'])).toBe('')
    expect(painter.paint('é', [0xa9], ['drafted'])).toBe(green('é'))
  })
})

describe('wantsColour', () => {
  it('follows the terminal, NO_COLOR and FORCE_COLOR', () => {
    expect(wantsColour({ isTTY: true }, {})).toBe(true)
    expect(wantsColour({}, {})).toBe(false)
    expect(wantsColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
    expect(wantsColour({}, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true)
  })
})
