/** What `heterospec study cost` found, as tables. Pure text. */
import { showInterval, type CostRow, type CostStudyDocument } from '../bench/index.ts'
import { formatTable } from './format.ts'

/** Speed-ups over all and by group, the sweep, and the crossover. */
export function describeCost({ rows, sweep, crossover, machine }: CostStudyDocument): string {
  const overall = rows.filter(({ group }) => group === 'overall')
  const names = overall.map(({ variant }) => variant)
  const groups = [...new Set(rows.map(({ group }) => group))].filter((group) => group !== 'overall')
  const heading = ['VARIANT', 'CALLS', 'TOKENS', 'TAU', 'OVER PLAIN', 'OVER BEST FIXED', 'OVER EAGLE', 'OF THE WAY']
  const byGroup = names.map((variant) => [
    variant,
    ...groups.map((group) => {
      const row = rows.find((each) => each.variant === variant && each.group === group)
      return row === undefined ? '' : `${row.overPlain.mean.toFixed(2)} (${row.overFixed.mean.toFixed(2)})`
    }),
  ])
  const top = sweep.settings.slice(0, 5)
  const hindsight = sweep.settings.find(({ name }) => name === sweep.hindsight)
  const swept = [...top, ...(hindsight === undefined || top.includes(hindsight) ? [] : [hindsight])]
  const steps = crossover.points.map(({ slope, best, sides }) => [
    String(slope),
    ...sides.map(({ overPlain }) => overPlain.mean.toFixed(2)),
    ...sides.filter(({ variant }) => variant === 'heterospec-cost').flatMap(({ nodes, levels }) => [nodes.toFixed(1), levels.toFixed(1)]), // prettier-ignore
    best,
  ])
  const right = names.map((_, index) => index + 1)
  return [
    `Prices: ${machine}.\n${formatTable([heading, ...overall.map(cells)], [1, 2, 3, 7])}`,
    ...(groups.length > 1 ? [`Over plain decoding by group (over the best fixed setting):\n${formatTable([['VARIANT', ...groups], ...byGroup])}`] : []), // prettier-ignore
    `The sweep, ${sweep.settings.length} fixed settings, speed-up over plain decoding:\n${formatTable([['SETTING', 'CHOSEN BY', 'JUDGED'], ...swept.map(({ name, chosenBy, judged }) => [name, chosenBy.toFixed(2), judged.toFixed(2)])], [1, 2])}`,
    `Speed-up over plain decoding where each further row costs so much of the first (${crossover.rowMs.toFixed(1)} ms):\n${formatTable([['ROW', ...names, 'NODES', 'LEVELS', 'BEST FIXED IS'], ...steps], [0, ...right, names.length + 1, names.length + 2])}`,
  ].join('\n\n')
}

// ---------------------------------------------------------------------------------------------------------------

function cells({ variant, calls, verified, tau, overPlain, overFixed, overEagle, share }: CostRow): string[] {
  return [
    ...[variant, String(calls), String(verified), tau.toFixed(2)],
    ...[overPlain, overFixed, overEagle].map((interval) => showInterval(interval)),
    share === null ? '' : `${Math.round(100 * share)} %`,
  ]
}
