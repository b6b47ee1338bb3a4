export { createHeadTrainer, type HeadTrainerOptions, type NetTrainer } from './trainer.ts'
export { initialWeights, type InitialOptions } from './initial.ts'
