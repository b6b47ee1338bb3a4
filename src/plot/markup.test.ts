import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeText, markup, trusted } from './markup.ts'

const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" }

describe('escaped text', () => {
  it('never holds a character that could end a text or an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[<>"']|&(?!(lt|gt|amp|quot|#39);)/)
      }),
    )
  })

  it('is the same text again once a browser has read it, for texts that XML can carry', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = escapeText(text).replace(/&([a-z]+|#39);/g, (_, name: string) => entities[name] ?? '?')
        expect(read).toBe(text)
      }),
    )
  })

  it('replaces what XML cannot carry and what turns the direction of reading', () => {
    expect(escapeText('a\u0000b\u001bc\ud800d\u202ee')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde')
    expect(escapeText('two\nlines\tand a tab')).toBe('two\nlines\tand a tab')
  })
})

describe('the template', () => {
  it('escapes texts and keeps markup, also in lists', () => {
    const inner = [markup`<b>${'a<b'}</b>`, 'c&d']
    expect(markup`<p title="${'"'}">${inner}</p>`.text).toBe('<p title="&quot;"><b>a&lt;b</b>c&amp;d</p>')
    expect(markup`${trusted('<i>')}`.text).toBe('<i>')
  })

  it('writes nothing for what is not there', () => {
    expect(markup`[${undefined}${null}${false}${[]}]`.text).toBe('[]')
  })

  it('writes coordinates with two decimals and refuses those that are no numbers', () => {
    expect(markup`${1 / 3} ${0} ${-2}`.text).toBe('0.33 0 -2')
    expect(() => markup`${NaN}`).toThrow('expected a finite coordinate, got NaN')
  })
})
