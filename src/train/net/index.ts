export { createHeadTrainer, type HeadTrainerOptions, type NetTrainer } from './trainer.ts'
export { initialWeights } from './initial.ts'
