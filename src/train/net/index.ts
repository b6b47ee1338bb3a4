export { createHeadTrainer, type HeadTrainerOptions, type NetTrainer } from './trainer.ts'
