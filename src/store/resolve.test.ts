import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { resolveModel } from './resolve.ts'

it.each([tmpdir(), '/dev/null', './src'])('%s is there, but no file', async (path) => {
  await expect(resolveModel(path, { pull: false })).rejects.toThrow(/got something that is no file; check the path$/)
})

it('what is not there is told to be missing', async () => {
  await expect(resolveModel('./no/such.gguf', { pull: false })).rejects.toThrow('got no file there; check the path')
})
