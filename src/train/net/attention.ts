/**
 * Attention of the training-time test (EAGLE-3, 2503.01840, appendix): a query of unrolled step s sees the keys of step 0 up
 * to its own row, and of each later step only the key of its own row. The first part is products of matrices per text and
 * group of heads; the second element-wise products, one for each earlier step.
 *
 * Layout: keys and values of step 0 are [headDim, slots, groups, texts], queries [headDim, rows * r, groups, texts], where the
 * r heads of a group lie behind each other. The last slots of the keys hold zeros: their scores are overwritten by those of
 * the row's own keys, so that one softmax does both.
 */
import type { Tensor } from '../../tensor/index.ts'
import type { Tape, Variable } from './tape.ts'

/** What a row keeps of a later step: [headDim, rows, groups, texts]. */
export interface OwnRows {
  readonly keys: Variable
  readonly values: Variable
}

export interface AttentionInputs {
  readonly queries: Variable
  readonly keys: Variable
  readonly values: Variable
  /** Of steps 1 to s, in order. */
  readonly own: readonly OwnRows[]
  /** First slot for scores of own keys; what comes before are the rows of the text. */
  readonly ownSlot: number
  /** F16 [slots, rows, 1, texts] */
  readonly mask: Tensor
}

/** Splits `x` [headDim * heads, rows * texts] into [headDim, rows + padding, heads, texts]. */
export function splitHeads(tape: Tape, x: Variable, headDim: number, texts: number, padding = 0): Variable {
  const { training } = tape.graph
  const [width, all] = x.value.shape
  const [heads, rows] = [width / headDim, all / texts]
  const split = training.exchanged(training.reshape(x.value, headDim, heads, rows, texts))
  return tape.result(training.padRows(split, padding), (gradient) => {
    const used = padding === 0 ? gradient : training.leadingRows(gradient, rows)
    tape.pass(x, training.reshape(training.exchanged(used), width, all))
  })
}

/** [headDim, rows * r, groups, texts] of queries or results back to [headDim * heads, rows * texts]. */
export function joinHeads(tape: Tape, x: Variable, rows: number): Variable {
  const { training } = tape.graph
  const [headDim, , , texts] = x.value.shape
  const heads = (x.value.shape[1] / rows) * x.value.shape[2]
  const joined = training.exchanged(training.reshape(x.value, headDim, rows, heads, texts))
  return tape.result(training.reshape(joined, headDim * heads, rows * texts), (gradient) => {
    const split = training.exchanged(training.reshape(gradient, headDim, heads, rows, texts))
    tape.pass(x, training.reshape(split, ...x.value.shape))
  })
}

/** Queries [headDim, rows, heads, texts] with the heads of each group behind each other. */
export function groupQueries(tape: Tape, x: Variable, groups: number): Variable {
  const { training } = tape.graph
  const [headDim, rows, heads, texts] = x.value.shape
  const grouped = training.reshape(x.value, headDim, (rows * heads) / groups, groups, texts)
  return tape.result(grouped, (gradient) => tape.pass(x, training.reshape(gradient, ...x.value.shape)))
}

/** Mixes of values, laid out like the queries. */
export function attend(tape: Tape, inputs: AttentionInputs): Variable {
  const { queries, keys, values, own, ownSlot, mask } = inputs
  const { ops, training } = tape.graph
  const scale = 1 / Math.sqrt(queries.value.shape[0])
  let scores = training.product(keys.value, queries.value)
  const [slots, all, groups, texts] = scores.shape
  const rows = mask.shape[1]
  const repeats = all / rows
  /** One row's heads on axis 2, so that own keys repeat over them. */
  const wide = (x: Tensor): Tensor => training.reshape(x, x.shape[0], rows, repeats, groups * texts)
  const narrow = (x: Tensor): Tensor => training.reshape(x, x.shape[0], rows, 1, groups * texts)
  const back = (x: Tensor): Tensor => training.reshape(x, x.shape[0], all, groups, texts)
  const column = (x: Tensor, at: number): Tensor => wide(training.copied(training.slice(x, ownSlot + at, 1)))
  own.forEach((step, at) => {
    const dots = training.sumRows(ops.mul(wide(queries.value), narrow(step.keys.value)))
    scores = training.overwrite(scores, ownSlot + at, back(dots))
  })
  const seen = training.maskedSoftMax(training.reshape(scores, slots, rows, repeats * groups, texts), mask, scale)
  const shares = back(seen)
  let mixed = training.product(tape.transposed(values.value), shares)
  own.forEach((step, at) => {
    const copies = training.repeat(narrow(step.values.value), wide(queries.value))
    mixed = ops.add(mixed, back(ops.mul(copies, column(shares, at))))
  })
  return tape.result(mixed, (gradient) => {
    let shareGradients = training.product(values.value, gradient)
    own.forEach((step, at) => {
      const dots = training.sumRows(ops.mul(wide(gradient), narrow(step.values.value)))
      shareGradients = training.overwrite(shareGradients, ownSlot + at, back(dots))
    })
    const scoreGradients = training.softMaxBack(shareGradients, shares, scale)
    tape.pass(queries, training.product(tape.transposed(keys.value), scoreGradients))
    tape.pass(keys, training.product(tape.transposed(queries.value), tape.transposed(scoreGradients)))
    tape.pass(values, training.product(tape.transposed(gradient), tape.transposed(shares)))
    own.forEach((step, at) => {
      const [share, scored] = [column(shares, at), column(scoreGradients, at)]
      const summed = (x: Tensor, like: Tensor): Tensor =>
        training.reshape(training.repeatBack(x, narrow(like)), ...like.shape)
      tape.pass(queries, back(ops.mul(training.repeat(narrow(step.keys.value), wide(gradient)), scored)))
      tape.pass(step.keys, summed(ops.mul(wide(queries.value), scored), step.keys.value))
      tape.pass(step.values, summed(ops.mul(wide(gradient), share), step.values.value))
    })
  })
}
