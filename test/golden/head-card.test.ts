/** The model card of a head, from a head's file, a report of training and a benchmark. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { headCard } from '../../scripts/head-card.ts'
import { benchDocument } from '../fixtures/bench-document.ts'
import { tinyHeadFile } from '../tiny.ts'

it('a card tells what file, training and benchmark say', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heterospec-card-'))
  try {
    const text = (value: string) => ({ type: 'string', value }) as const
    const number = (value: number) => ({ type: 'f64', value }) as const
    const metadata = {
      'heterospec.target_fingerprint': text('ab'.repeat(16)),
      'heterospec.target_name': text('Tiny'),
      'heterospec.data_answer_tokens': number(1_234_567),
      'heterospec.trained_answer_tokens': number(4_000_000),
      'heterospec.trained_epochs': number(3.24),
      'heterospec.trained_steps': number(700),
      'heterospec.held_out_agreement': text('0.4123,0.31'),
      'heterospec.settings': text('{"a|b":1}'),
    }
    const head = await tinyHeadFile({ vocabularyStep: 2, weightType: 'q8_0', seed: 12, metadata })
    const [training, bench] = [join(folder, 'training.json'), join(folder, 'bench.json')]
    const heldOut = [{ agreement: 0.4123, loss: 3.2 }]
    const point = { step: 10, epoch: 0.5, tokens: 1000, elapsedMs: 60_000, trainingLoss: null, heldOut, tau: 1.41 }
    const report = { texts: 100, heldOutTexts: 4, answerTokens: 1_234_567, coverage: 0.93, curve: [point], fit: null }
    await writeFile(training, `done\n${JSON.stringify(report)}\n`)
    await writeFile(bench, JSON.stringify(benchDocument({ sides: ['off', 'auto'] })))
    const card = await headCard({ head, training, bench })
    expect(card).toMatch(/^# Tiny head\n/)
    expect(card).toMatch(/\| weights +\| [\d.]+ M: Q8_0 \(fc, attn_q, .*output\) +\|/)
    expect(card).toMatch(/149 tokens of 297/)
    expect(card).toMatch(/4,000,000 \(3\.24 epochs/)
    expect(card).toMatch(/41\.2 %, 31\.0 %/)
    expect(card).toMatch(/93\.0 % of held-out answers/)
    expect(card).toContain('{"a\\|b":1}')
    expect(card).toMatch(/\| 10 +\| 0\.50 +\| 1,000 +\| 1 +\| +\| 3\.200 +\| 41\.2 % +\| 1\.410 +\|/)
    expect(card).toMatch(/\| `auto` +\| \d\.\d\d \(\d\.\d\d to \d\.\d\d\)/)
    expect(card).toMatch(/\| overall +\| \d+\.\d %/)
    // What was not given has no row and no word like "undefined".
    expect(card).not.toMatch(/undefined|NaN|null|continued from/)
    expect(await headCard({ head })).not.toMatch(/Measured|Learning curve|undefined/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
