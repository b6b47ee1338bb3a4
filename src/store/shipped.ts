/** Draft heads that come with the package: a name is enough, nothing is fetched. */
import { join } from 'node:path'
import { packageRoot } from '../util/package.ts'
import { fileBytes } from './disk.ts'
import type { StoredModel } from './types.ts'

/** The head of that name; undefined where there is none. */
export async function findPackagedHead(name: string): Promise<StoredModel | undefined> {
  if (!/^[\w-][\w.-]*$/.test(name)) return undefined
  const path = join(packageRoot(), 'data', 'heads', `${name.toLowerCase()}.gguf`)
  const bytes = await fileBytes(path)
  return bytes === undefined
    ? undefined
    : { name, path, bytes, sha256: undefined, source: 'package', pulledAt: undefined }
}
