/** Why a round's tree is as it is, in sentences: what the budget went by, what it chose, what came of it. */
import type { Round } from '../types.ts'
import { consideredNodes } from './reasons.ts'
import { count, figure } from './words.ts'

/** Sentences in reading order; never empty. */
export function decisionOf(round: Round): string[] {
  const { drafted, requests } = round
  return [
    ...(drafted === 0 ? [plainSentence(round)] : [...entropySentence(round), ...treeSentences(round)]),
    ...(requests === undefined ? [] : [`${count(requests, 'answer')} shared this pass.`]),
  ]
}

// ---------------------------------------------------------------------------------------------------------------

/** Reasons of budgets for rounds without drafts (`src/policy`), as a reader wants them. */
const plainReasons: Readonly<Record<string, string>> = {
  'drafts do not pay': 'the last drafts took more time than they brought. They are tried again now and then.',
  'drafts do not pay those who share the pass':
    'drafts rest, because those of all who share the pass took more time than they brought. They are tried again now and then.',
  'a plain pass is timed': 'a plain pass is timed now and then, because drafts are judged by it.',
  'reading the text for the drafter would not pay':
    'the drafter would have to read the text first, and that would not pay.',
}

function plainSentence({ why = {}, budget, pruned, requests }: Round): string {
  const { reason, nodes } = why
  if (typeof reason === 'string') return `Nothing was drafted: ${plainReasons[reason] ?? `${reason}.`}`
  if (requests !== undefined && Number(nodes ?? 0) > 0)
    return 'Tokens were guessed, and the shared pass had better use for its rows.'
  if (pruned !== undefined && pruned.count > 0)
    return `${count(pruned.count, 'token was', 'tokens were')} guessed, and none was worth checking.`
  if (budget.nodes > 0) return 'The drafter had no guess.'
  return 'Nothing was to be drafted: speculation is off, or there was room for one token only.'
}

function entropySentence({ why = {} }: Round): string[] {
  const { entropy, bin } = why
  if (typeof entropy !== 'number' || typeof bin !== 'number') return []
  const unit = isPriced(why) ? 'nats per step' : 'nats'
  const place = bin === 0 ? 'the easiest' : '0 is the easiest'
  return [`Along its likeliest path the drafter’s entropy was ${figure(entropy)} ${unit}: bin ${bin} (${place}).`]
}

function isPriced(why: Readonly<Record<string, number | string>>): boolean {
  return Number(why['price']) > 0 && Number(why['tokens']) > 0
}

function treeSentences(round: Round): string[] {
  const { why = {}, budget, drafted } = round
  if (isPriced(why)) return pricedSentences(round, why)
  const levels = Number(why['levels'])
  if (levels > 0)
    return [
      `So the tree was allowed ${count(levels, 'level')}, and its best ${count(drafted, 'node')} went to the target.`,
    ]
  const size = `${count(budget.nodes, 'node')}, ${count(budget.depth, 'level')}, ${budget.width} wide`
  return [`This budget gives no reasons: it allowed ${size}.`]
}

/** What was expected of the tree, in tokens and in plain passes, and what came. */
function pricedSentences(round: Round, why: Readonly<Record<string, number | string>>): string[] {
  const [nodes, tokens, price, draftPrice] = ['nodes', 'tokens', 'price', 'draftPrice'].map((name) => Number(why[name] ?? 0)) as [number, number, number, number] // prettier-ignore
  const speed = figure(tokens / (price + draftPrice))
  const best = consideredNodes(round).length > 1 ? ', the best of all numbers of nodes' : ''
  const shared = round.requests !== undefined && nodes !== round.drafted
  return [
    `Checking ${count(nodes, 'node')} was expected to bring ${figure(tokens)} tokens for ${figure(price)} plain passes and ${figure(draftPrice)} of drafting: ${speed} × the speed of plain decoding${best}.`,
    ...(shared ? [`The shared pass had rows for ${round.drafted} of them.`] : []),
    `It brought ${count(round.emitted.length, 'token')}.`,
  ]
}
