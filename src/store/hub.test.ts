import { describe, expect, it } from 'vitest'
import { chooseFiles, type HubFile } from './hub.ts'
import { parseReference } from './names.ts'

function choose(text: string, paths: readonly string[]): string[] {
  const reference = parseReference(text, [])
  if (reference.kind !== 'hub') throw new Error('expected a name of the hub')
  const files: HubFile[] = paths.map((path) => ({ path, bytes: 1, sha256: undefined }))
  return chooseFiles(files, reference).map(({ path }) => path)
}

describe('chooseFiles', () => {
  const usual = ['README.md', 'm-Q4_K_M.gguf', 'm-Q4_K_S.gguf', 'm-Q8_0.gguf', 'm.q6_k.gguf', 'mmproj-m-Q8_0.gguf']

  it('finds a quantisation whatever its spelling, and no other that contains it', () => {
    expect(choose('hf:u/r:q4_k_s', usual)).toEqual(['m-Q4_K_S.gguf'])
    expect(choose('hf:u/r:Q6_K', usual)).toEqual(['m.q6_k.gguf'])
    expect(choose('hf:u/r:Q8_0', usual)).toEqual(['m-Q8_0.gguf'])
    expect(() => choose('hf:u/r:Q4_K', usual)).toThrow(
      'expected hf:u/r:Q4_K in the repository, got m-Q8_0, m.q6_k, m-Q4_K_M',
    )
    expect(() => choose('hf:u/r:8_0', usual)).toThrow('expected hf:u/r:8_0')
  })

  it('takes the usual quantisation where none is named, and asks where none is usual', () => {
    expect(choose('hf:u/r', usual)).toEqual(['m-Q4_K_M.gguf'])
    expect(choose('hf:u/r', ['m-F16.gguf', 'm-Q8_0.gguf'])).toEqual(['m-Q8_0.gguf'])
    expect(choose('hf:u/r', ['m-F16.gguf'])).toEqual(['m-F16.gguf'])
    expect(() => choose('hf:u/r', ['m-F16.gguf', 'm-BF16.gguf'])).toThrow('name one of its files')
    expect(() => choose('hf:u/r', ['model.safetensors'])).toThrow('got no GGUF file')
  })

  it('takes all files of a split model in order, and refuses an incomplete one', () => {
    const split = ['Q4_0/m-00002-of-00003.gguf', 'Q4_0/m-00001-of-00003.gguf', 'Q4_0/m-00003-of-00003.gguf']
    const ordered = [split[1], split[0], split[2]]
    expect(choose('hf:u/r:Q4_0', split)).toEqual(ordered)
    expect(choose('hf:u/r/Q4_0/m-00002-of-00003.gguf', split)).toEqual(ordered)
    expect(() => choose('hf:u/r:Q4_0', split.slice(1))).toThrow('expected 3 files of hf:u/r:Q4_0, got 2')
  })

  it('prefers the shortest of several names', () => {
    expect(choose('hf:u/r:Q4_0', ['old/m-Q4_0.gguf', 'm-Q4_0.gguf'])).toEqual(['m-Q4_0.gguf'])
  })

  it('finds a file by its path only', () => {
    expect(choose('hf:u/r/m-Q8_0.gguf', usual)).toEqual(['m-Q8_0.gguf'])
    expect(() => choose('hf:u/r/n.gguf', usual)).toThrow('expected hf:u/r/n.gguf in the repository')
  })
})
