/**
 * Records the decisions of `goodput` in two simulated worlds anew: `npx tsx scripts/record-replay.ts`.
 * Only after an intended change; the difference of the file is part of the change.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { recordAll } from '../test/replay/recording.ts'

const path = fileURLToPath(new URL('../test/replay/goodput.json', import.meta.url))
const style = await resolveConfig(path)
writeFileSync(path, await format(JSON.stringify(recordAll()), { ...style, filepath: path }))
