export type * from './types.ts'
export { headTypes, writeHead, type HeadType } from './head-file.ts'
export { chooseHeadFiles, findHead } from './import/folder.ts'
export { importHead, type ImportedHead } from './import/import-head.ts'
