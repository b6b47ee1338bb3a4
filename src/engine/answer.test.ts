import { describe, expect, it } from 'vitest'
import { AnswerText } from './answer.ts'

/** Each token is one byte. */
const bytes = (token: number): Uint8Array => Uint8Array.of(token)
const encode = (text: string): number[] => [...new TextEncoder().encode(text)]

describe('the text of an answer', () => {
  it('is the same however the tokens are cut into rounds', () => {
    const tokens = encode('naïve — 日本 END and more')
    for (const step of [1, 2, 3, 7, 100]) {
      const answer = new AnswerText({ bytes }, ['END'])
      let used = 0
      for (let at = 0; at < tokens.length && !answer.stopped; at += step) {
        used += answer.push(tokens.slice(at, at + step)).used
      }
      expect(answer.end().text).toBe('')
      expect(answer.text).toBe('naïve — 日本 ')
      expect(used).toBe(encode('naïve — 日本 END').length)
    }
  })

  it('holds back what may become a stop string, and sends it when it did not', () => {
    const answer = new AnswerText({ bytes }, ['STOP'])
    expect(answer.push(encode('a ST')).text).toBe('a ')
    expect(answer.push(encode('x')).text).toBe('STx')
    expect(answer.push(encode('STO')).text).toBe('')
    expect(answer.end().text).toBe('STO')
    expect(answer.text).toBe('a STxSTO')
  })

  it('never sends half a character', () => {
    const answer = new AnswerText({ bytes }, [])
    const [first = 0, ...rest] = encode('é')
    expect(answer.push([first]).text).toBe('')
    expect(answer.push(rest).text).toBe('é')
    answer.push([first])
    expect(answer.end().text).toBe('\uFFFD')
  })
})
