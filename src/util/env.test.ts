import { homedir, platform } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readEnvironment } from './env.ts'

describe('the environment', () => {
  it('is read from the documented variables', () => {
    const read = readEnvironment({
      HETEROSPEC_CACHE: '/cache',
      HETEROSPEC_HEADS: '/heads',
      HETEROSPEC_LIBRARY: '/libs',
      HETEROSPEC_CPU_VARIANT: 'haswell',
      HETEROSPEC_KERNELS: 'avx2',
      CC: 'ccache gcc',
      PATH: ['/bin', '', '/opt/bin'].join(delimiter),
      HF_ENDPOINT: 'https://mirror.example',
      HF_TOKEN: 'secret',
      HETEROSPEC_API_KEYS: 'one, two,',
    })
    expect(read).toEqual({
      apiKeys: ['one', 'two'],
      cacheDir: '/cache',
      headsDir: '/heads',
      libraryDir: '/libs',
      cpuVariant: 'haswell',
      kernels: 'avx2',
      compiler: 'ccache gcc',
      programFolders: ['/bin', '/opt/bin'],
      hubEndpoint: 'https://mirror.example',
      hubToken: 'secret',
    })
  })

  it('has defaults for all of them', () => {
    const read = readEnvironment({})
    expect(read.cacheDir).toMatch(/heterospec$/)
    expect(read.cacheDir.startsWith(homedir())).toBe(true)
    expect(read).toMatchObject({
      libraryDir: undefined,
      cpuVariant: undefined,
      kernels: undefined,
      hubToken: undefined,
    })
    expect(read).toMatchObject({ compiler: undefined, programFolders: [] })
    expect(read.hubEndpoint).toMatch(/^https:/)
  })

  it('names the variable that says no number of threads', () => {
    expect(readEnvironment({ HETEROSPEC_THREADS: '3' }).threads).toBe(3)
    for (const wrong of ['abc', '0', '1.5', '513', ' ']) {
      const read = readEnvironment({ HETEROSPEC_THREADS: wrong })
      const message = `expected a whole number from 1 to 512 in HETEROSPEC_THREADS, got "${wrong}"; correct it or empty it`
      expect(() => read.threads).toThrow(message)
    }
  })

  it('follows the XDG convention, and an own setting wins over it', () => {
    expect(readEnvironment({ XDG_CACHE_HOME: '/xdg' }).cacheDir).toBe(join('/xdg', 'heterospec'))
    expect(readEnvironment({ XDG_CACHE_HOME: '/xdg', HETEROSPEC_CACHE: '/own' }).cacheDir).toBe('/own')
    if (platform() === 'linux') expect(readEnvironment({}).cacheDir).toBe(join(homedir(), '.cache', 'heterospec'))
  })
})
