export type * from './types.ts'
export { headTypes, writeHead, type HeadType } from './head-file.ts'
