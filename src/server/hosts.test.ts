import { describe, expect, it } from 'vitest'
import { canonicalHost, loopbackNames } from './hosts.ts'

describe('canonicalHost', () => {
  it.each([
    ['LocalHost', 'localhost'],
    ['localhost.', 'localhost'],
    ['localhost.:8080', 'localhost'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['0:0:0:0:0:0:0:1', '[::1]'],
    ['[::1]:8080', '[::1]'],
    ['::ffff:127.0.0.1', '[::ffff:7f00:1]'],
    ['[::FFFF:127.0.0.1]', '[::ffff:7f00:1]'],
    ['evil.example', 'evil.example'],
  ])('%s is %s', (spelling, name) => {
    expect(canonicalHost(spelling)).toBe(name)
  })

  it.each(['a@localhost', 'a:b@localhost', 'evil.example/localhost', 'localhost#a', ' localhost', ''])(
    '%j is no name of this machine',
    (text) => {
      expect(['localhost', '127.0.0.1']).not.toContain(canonicalHost(text))
    },
  )
})

describe('loopbackNames', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.1',
    '127.9.8.7',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ])('of %s are those of the loopback, each once', async (host) => {
    const names = (await loopbackNames(host)) ?? []
    expect(names).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', '[::1]', canonicalHost(host)]))
    expect(new Set(names).size).toBe(names.length)
  })

  it.each(['0.0.0.0', '::', '::ffff:0.0.0.0', '10.0.0.1', '128.0.0.1'])(
    'of %s are any, because others reach it',
    async (host) => {
      expect(await loopbackNames(host)).toBeUndefined()
    },
  )
})
