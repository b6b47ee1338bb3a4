export type * from './types.ts'
export { readTrainingFile } from './reader.ts'
