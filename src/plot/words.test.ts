import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, shorten, visibleText } from './words.ts'

describe('a visible text', () => {
  it('has a form for what cannot be seen', () => {
    expect(visibleText(' the\n')).toBe('␣the⏎')
    expect(visibleText('\t\r\u0000\u001b\u007f')).toBe('⇥␍␀␛␡')
    expect(visibleText('')).toBe('∅')
    expect(visibleText('a\u202eb\u200bc\u00a0d')).toBe('a[202e]b[200b]c[00a0]d')
    expect(visibleText('\ud800')).toBe('\ufffd')
  })

  it('leaves other texts as they are', () => {
    for (const text of ['the', 'naïve', '日本語', '🙂', '<b>&', '"\'']) expect(visibleText(text)).toBe(text)
  })

  it('holds no blank and no control character', () => {
    const all = Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code)).join('')
    expect(/[\p{Cc}\p{Cs}\p{Zs}\p{Zl}\p{Zp}]/u.exec(visibleText(all))).toBeNull()
  })
})

describe('a shortened text', () => {
  it('is at most as wide as asked, and the same where it fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, limit) => {
        const short = shorten(text, limit)
        expect(columnsOf(short)).toBeLessThanOrEqual(limit)
        if (columnsOf(text) <= limit) expect(short).toBe(text)
      }),
    )
  })

  it('cuts no character in two', () => {
    expect(shorten('👩‍👩‍👧abc', 5)).not.toMatch(/\u200d…$/)
    expect(shorten('日本語です', 5)).toBe('日本…')
  })
})
