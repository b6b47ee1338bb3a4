import { describe, expect, it } from 'vitest'
import { benchDocument } from '../../../../test/fixtures/bench-document.ts'
import { fakeRecording } from '../../../../test/fixtures/recording.ts'
import type { Recording } from '../../simulate/types.ts'
import { showInterval } from '../../statistics.ts'
import { OVERALL } from '../../summary.ts'
import { studyCost } from '../cost.ts'
import { overallRows } from '../counts.ts'
import { studyAblation, studyAlpha, studyBins, studyRank } from '../studies.ts'
import { openWorld } from '../world.ts'
import { renderStudy } from './page.ts'

const clock = benchDocument({ sides: ['off', 'auto'] })
const recording: Recording = {
  ...fakeRecording({
    byLevels: true,
    leastLevels: 6,
    foresight: (position) => position % 4,
    groups: ['qa', 'rag', 'qa', 'rag'],
  }),
  drafter: { name: '<img src=x>', options: { method: 'model' } },
  provenance: clock.provenance,
}
const answers = recording.answers.map((answer) => ({ ...answer, room: 1000 }))
const world = openWorld(
  { ...recording, answers },
  { tree: { topK: 2, depth: 2, totalTokens: 7 }, loss: 'weighted', edges: [1, 2, 3] },
)
const ablation = studyAblation(world, [], clock)
const priced = studyCost({ ...recording, answers }, { tree: world.tree, prices: {}, slopes: [0, 0.1, 1] })
const documents = [priced, ablation, studyAlpha(world), studyRank(world, null), studyBins(world)]

function textOf(html: string): string {
  return html.replace(/<(style|script)[^>]*>[^]*?<\/\1>/g, '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ') // prettier-ignore
}

describe.each(documents.map((document) => [document.study, renderStudy(document)] as const))(
  'the page of %s',
  (study, page) => {
    it('stands alone: no script and no address of anything outside', () => {
      expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
      expect(page).toContain("default-src 'none'")
      expect(page).not.toMatch(/<script|@import|url\((?!#)/)
      const addresses = [...page.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, to]) => to)
      expect(addresses.filter((to) => !/^(#|data:,$)/.test(to!))).toEqual([])
    })

    it('has unique ids, charts that say what they show, and no figure that is no number', () => {
      const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!)
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
      const charts = page.match(/<svg[^>]*role="img"/g) ?? []
      expect(charts.length).toBeGreaterThan(0)
      expect(page).not.toMatch(/NaN|undefined|Infinity/)
    })

    it('names study, model and drafter, writes no name as markup, and says what is counted', () => {
      expect(page).not.toContain('<img')
      const text = textOf(page)
      expect(text).toContain(`heterospec study ${study}`)
      expect(text).toContain(clock.provenance.model.name)
      expect(text).toContain('240 recorded places')
      expect(text).toMatch(/they do not depend on the machine|by prices, not by a clock/)
    })
  },
)

describe('the page of the ablation', () => {
  const text = textOf(renderStudy(ablation))

  it('has the counts of every variant, and of every group', () => {
    for (const row of ablation.rows) expect(text).toContain(`${row.variant} ${row.calls} ${row.verified} ${row.tau.toFixed(2)}`) // prettier-ignore
    for (const row of overallRows(ablation)) expect(text).toContain(showInterval(row.callsRatio, 3))
  })

  it('has the measured speed-ups in a section of their own, only when there are some', () => {
    const measured = clock.summary.find(({ side, group }) => side === 'auto' && group === OVERALL)!
    expect(text).toContain('By the clock')
    expect(text).toContain(showInterval(measured.decodeSpeedup!))
    expect(textOf(renderStudy({ ...ablation, clock: null }))).not.toContain('By the clock')
  })
})
