export type * from './types.ts'
export { loadGguf } from './load.ts'
export {
  autoHeadsFolder,
  findShippedHead,
  headFor,
  listHeads,
  shippedHeadsFolder,
  type ShippedHead,
} from './shipped-heads.ts'
export { sampleWeights } from './weights-print.ts'
export { writeGguf, encodeGguf, type GgufToWrite, type TensorToWrite } from './writer.ts'
export { quantName, quantNumbers, quantType } from './quants.ts'
export { dequantize, halfToNumber } from './dequantize.ts'
export { describeModel, type ModelDescription } from './describe.ts'
