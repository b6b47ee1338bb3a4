import { describe, expect, it } from 'vitest'
import { readOrigins } from './origins.ts'

describe('origins', () => {
  it.each([
    ['http://a.b', 'http://a.b'],
    ['http://a.b/', 'http://a.b'],
    ['HTTPS://A.B:443', 'https://a.b'],
    ['http://localhost:3000/', 'http://localhost:3000'],
    ['http://[::1]:80', 'http://[::1]'],
    ['chrome-extension://abc/', 'chrome-extension://abc'],
    ['null', 'null'],
    ['*', '*'],
  ])('%s is %s', (text, origin) => {
    expect(readOrigins([text])).toEqual([origin])
  })

  it.each([
    'foo',
    'a.b:80',
    '',
    'http://',
    'http://a.b/c',
    'http://a.b//',
    'http://a@b',
    'http://a.b?c',
    'http://*.a.b',
    'http://a b',
    'http://a.b:x',
    ' http://a.b',
  ])(
    // prettier-ignore
    '%j can be none, and is refused',
    (text) => {
      expect(() => readOrigins([text])).toThrow(
        /^expected origins of web pages as .*, or \*, got .*; change --cors-origin$/,
      )
    },
  )
})
