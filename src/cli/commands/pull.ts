/** `heterospec pull`: brings a model into the cache. The path goes to stdout, everything else to stderr. */
import type { Command } from '@commander-js/extra-typings'
import { defaultModelName, resolveModel } from '../../store/index.ts'
import { formatBytes, formatDuration } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { createPullReport } from '../progress.ts'

/** Adds argument, option and action. */
export function define(command: Command): void {
  command
    .argument('[model]', 'a known name, hf:user/repo:quant, or hf:user/repo/file.gguf', defaultModelName)
    .option('--json', 'print one JSON document (name, path, bytes, sha256, source, pulledAt)')
    .addHelpText('after', '\nAn interrupted pull is continued by the next one. "heterospec models" lists known names.')
    .action(async (model, options) => {
      using interrupt = listenForInterrupt()
      const report = createPullReport()
      const start = performance.now()
      const { signal } = interrupt
      const stored = await resolveModel(model, { signal, onProgress: report.onProgress }).finally(() => report.stop())
      const duration = formatDuration(performance.now() - start)
      const found = stored.pulledAt === undefined ? 'a file of your own' : 'already in the cache'
      const outcome = report.started ? `pulled in ${duration}` : found
      console.error(`${stored.name}: ${formatBytes(stored.bytes)}, ${outcome}`)
      console.log(options.json ? JSON.stringify(stored) : stored.path)
    })
}
