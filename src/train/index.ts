export type * from './types.ts'
export {
  contextOf,
  makeData,
  readPrompts,
  readTrainingFile,
  type DataReport,
  type MakeDataOptions,
} from './data/index.ts'
export { convertHead, headTokenizers } from './convert-head.ts'
export { writeHead } from './head-file.ts'
export { headTypes, readHeadType, type HeadType } from './head-types.ts'
export { openTarget, type OpenTarget } from './target.ts'
export { chooseHeadFiles, findHead } from './import/folder.ts'
export { importHead, type ImportedHead } from './import/import-head.ts'
export { describeFit } from './run/curve.ts'
export { trainHead } from './run/head-run.ts'
export type { HeadRunParts, HeadRunSettings, HeadRunSummary } from './run/head-run-types.ts'
export { openTrainer } from './run/open-trainer.ts'
export { renderTraining } from './run/report.ts'
