export type * from './types.ts'
export { headTypes, writeHead, type HeadType } from './head-file.ts'
export { chooseHeadFiles, findHead, type FoundHead } from './import/folder.ts'
export { importHead, type ImportedHead, type ImportOptions } from './import/import-head.ts'
