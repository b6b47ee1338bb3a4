export type * from './types.ts'
export { createApp } from './app.ts'
export { listen, type Listening, type ListenOptions } from './listen.ts'
export { createLogger, type LogLevel } from './log.ts'
