export type * from './types.ts'
export type { JsonSchema, ResponseFormat } from '../grammar/index.ts'
export { openEngine } from './engine.ts'
export { PREFIX_BLOCK } from '../cache/index.ts'
export { refusePooling } from './embed.ts'
export { encodePrompt } from './prompt.ts'
export type { Pooling } from '../model/index.ts'
export { decodeRound, type RoundState } from './round.ts'
export { speculativeOptions, usualPolicy, type ResolvedSpeculation, type SpeculativeOptions } from './options.ts'
export {
  CALIBRATIONS,
  identifyDrafter,
  readCalibration,
  requireDrafter,
  requireModel,
  requireTree,
  stripFiles,
} from './calibration.ts'
