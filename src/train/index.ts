export type * from './types.ts'
export { readTrainingFile, type DataTarget } from './data/index.ts'
export { headTypes, writeHead, type HeadType } from './head-file.ts'
