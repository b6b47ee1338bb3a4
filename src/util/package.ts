/** Where this package lies: the same answer from sources, from the compiled files and from the bundled command. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder with our `package.json`: all of our files lie two folders below it. */
export function packageRoot(): string {
  return fileURLToPath(new URL('../..', import.meta.url))
}

/** Whether this is a working copy and not an installed package. */
export function isWorkingCopy(root: string = packageRoot()): boolean {
  return existsSync(join(root, 'src')) && existsSync(join(root, 'bench'))
}

/** Its version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version
}
