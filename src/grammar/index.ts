export type * from './types.ts'
export { FormatCompiler, type AnswerForm } from './compiler.ts'
