/** A result of the load benchmark from a file. */
import * as z from 'zod'
import { readResult } from '../result-file.ts'
import { summarise } from './run.ts'
import type { LoadDocument } from './types.ts'

/** Reads a result: a file whose last line is the document (all of standard output may stand before it). Throws `bad-file`. */
export function readLoadDocument(file: string): LoadDocument {
  const document = readResult(file, { head: documentHead, command: 'bench/load.ts' }) as LoadDocument
  // JSON has no NaN, which stands for ratios of nothing.
  return { ...document, summary: summarise(document.blocks, document.baseline) }
}

// ---------------------------------------------------------------------------------------------------------------

const sided = z.object({ load: z.string(), side: z.string() })

const documentHead = z.object({
  kind: z.literal('heterospec-load'),
  version: z.literal(1),
  options: z.object({ clients: z.array(z.number()), shares: z.array(z.number()), rounds: z.number() }),
  provenance: z.object({ model: z.object({ name: z.string() }) }),
  baseline: z.string(),
  sides: z.array(z.object({ name: z.string(), plain: z.string() })),
  blocks: z.array(sided),
  failures: z.array(z.string()),
})
