/** What all programs have in common that run beside ours for a comparison. */
import type { IdleMeter } from './process-facts.ts'

export interface Program extends AsyncDisposable {
  readonly name: string
  /** Most memory it has held at a time; undefined where nobody tells. */
  readonly peakBytes: number | undefined
  /** What it and we took of a processor while the other worked. */
  readonly idle: IdleMeter
}
