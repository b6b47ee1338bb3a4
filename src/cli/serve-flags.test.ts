import { describe, expect, it } from 'vitest'
import { serveFlags } from './serve-flags.ts'

const parse = (name: string, text: string): unknown => serveFlags.flags.find((flag) => flag.name === name)?.parse(text)

describe('limits of time', () => {
  it.each([
    ['answer-seconds', '604800', '604801'],
    ['drain-seconds', '86400', '2147484'],
    ['client-seconds', '86400', '86401'],
  ])('--%s takes %s and refuses %s, with the most that it takes', (name, most, more) => {
    expect(parse(name, most)).toBe(Number(most))
    expect(() => parse(name, more)).toThrow(most)
  })
})
