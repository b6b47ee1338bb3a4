export { createHeadTrainer, type NetTrainer } from './trainer.ts'
export type { HeadTrainerOptions } from './options.ts'
export { initialWeights } from './initial.ts'
