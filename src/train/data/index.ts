export type * from './types.ts'
export type { DataTotals } from './file.ts'
export { contextOf, makeData, type DataProgress, type DataReport, type MakeDataOptions } from './make.ts'
export { readTrainingFile } from './reader.ts'
