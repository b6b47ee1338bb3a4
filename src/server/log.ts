/** The log: lines of JSON with request ids. What people ask and are answered is not in it. The only importer of pino. */
import { pino, type DestinationStream } from 'pino'
import type { ServerLogger } from './types.ts'

/** Least important lines that are written. */
export type LogLevel = 'error' | 'warn' | 'info' | 'silent'

/** A log of JSON lines. */
export function createLogger(level: LogLevel, stream: DestinationStream): ServerLogger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}

/** For servers without a log. */
export const silentLogger: ServerLogger = { info: () => undefined, warn: () => undefined, error: () => undefined }
