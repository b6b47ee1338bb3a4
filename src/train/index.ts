export type * from './types.ts'
export {
  contextOf,
  makeData,
  readTrainingFile,
  type DataProgress,
  type DataReport,
  type DataTarget,
  type MakeDataOptions,
} from './data/index.ts'
export { headTypes, writeHead, type HeadType } from './head-file.ts'
export { openTarget, type OpenTarget, type OpenTargetOptions } from './target.ts'
export { chooseHeadFiles, findHead } from './import/folder.ts'
export { importHead, type ImportedHead } from './import/import-head.ts'
export { describeFit } from './curve.ts'
export { trainHead } from './head-run.ts'
export type { HeadRunParts, HeadRunSettings, HeadRunSummary } from './head-run-types.ts'
export { openTrainer } from './open-trainer.ts'
export { renderTraining } from './report.ts'
