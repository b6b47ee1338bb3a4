/**
 * Where the process begins. `run` begins to load its model before the rest of the program is even imported; a question
 * for help does not.
 */
import type { EarlyStart } from '../text/index.ts'

const args = process.argv.slice(2)
const early = await headStart()
const { main } = await import('./main.ts')
await main(args, early)

// ---------------------------------------------------------------------------------------------------------------

async function headStart(): Promise<EarlyStart | undefined> {
  if (args[0] !== 'run' || args.includes('--help') || args.includes('-h')) return undefined
  const { startEarly } = await import('./early.ts')
  return startEarly(args)
}
