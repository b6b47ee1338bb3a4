export type * from './types.ts'
export { readTrainingFile, type DataTarget } from './data/index.ts'
