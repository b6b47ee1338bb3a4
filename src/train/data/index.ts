export type * from './types.ts'
export { contextOf, makeData, type DataReport, type MakeDataOptions } from './make.ts'
export { readTrainingFile } from './reader.ts'
export { readPrompts } from './prompts.ts'
