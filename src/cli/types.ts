/** Contracts of the command line: what one command's file gives to `main.ts`. */
import type { Command } from '@commander-js/extra-typings'
import type { EarlyStart } from '../text/index.ts'

/**
 * One file of `cli/commands`. It is imported only when its command was typed, so a command may import what it needs.
 * The action throws `HeterospecError` for what went wrong (`main.ts` prints it and sets the exit code) and sets
 * `process.exitCode` itself only for an end that is neither success nor error.
 */
export interface CommandModule {
  /**
   * Adds arguments, options and the action to `command`, which already has its name and summary. `early` is the model
   * that the command line names, already on its way.
   */
  define(command: Command, early?: EarlyStart): void
}
