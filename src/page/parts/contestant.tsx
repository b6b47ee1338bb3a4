/** One side of a comparison: its settings, its clock, its text. */
import type { ComponentChildren } from 'preact'
import type { Answer } from '../data/answer.ts'
import { figuresOf } from '../data/figures.ts'
import { nameOf, type Speculation } from '../data/settings.ts'
import { sentenceOf, type Look } from '../data/store.ts'
import { figure, seconds } from '../data/words.ts'
import { useTicks } from './hooks.ts'
import { OriginLegend } from './legend.tsx'
import { SpeculationView } from './settings-view.tsx'
import { Tokens } from './tokens.tsx'

/** `raceMs`: how far into a repetition at the old speed; undefined where none is shown. */
export function Contestant(props: {
  readonly name: string
  readonly speculation: Speculation
  readonly answer: Answer | undefined
  readonly round: number | undefined
  readonly raceMs: number | undefined
  readonly slowestMs: number
  readonly onChange: (speculation: Speculation) => void
  readonly onPick: (look: Look) => void
}): ComponentChildren {
  const { name, speculation, answer, round, raceMs = Infinity, slowestMs, onChange, onPick } = props
  useTicks(answer?.isOpen ?? false, 100)
  const ms = Math.min(raceMs, answer?.ms ?? 0)
  const rounds = raceMs === Infinity ? undefined : answer?.roundsAfter(ms)
  return (
    <section class="contestant" aria-label={`Setting ${name}`}>
      <div class="choices">
        <h2>{name}</h2>
        <SpeculationView speculation={speculation} onChange={onChange} />
      </div>
      <p class="clock">
        <span class="time" role="timer" aria-live="off" aria-label={`Time of ${name}`}>
          {seconds(ms)}
        </span>
        <span class="speed">
          {answer && speedWords(answer)}
          {answer && answer.label !== nameOf(speculation) && ` · ran with: ${answer.label}`}
        </span>
      </p>
      <div class="progress" aria-hidden="true">
        <div style={{ width: `${slowestMs > 0 ? (100 * ms) / slowestMs : 0}%` }} />
      </div>
      <div class="log" tabIndex={0} role="region" aria-label={`Answer of ${name}`}>
        {answer && (
          <article class="answer" aria-busy={answer.isOpen}>
            <Tokens answer={answer} round={round} rounds={rounds} onPick={(at, node) => onPick({ round: at, node })} />
            {answer.state.value === 'failed' && <p class="alarm">{sentenceOf(answer)}</p>}
          </article>
        )}
      </div>
      <OriginLegend rounds={answer?.rounds ?? []} />
    </section>
  )
}

// ---------------------------------------------------------------------------------------------------------------

function speedWords(answer: Answer): string {
  const { tokens, speed, tau } = figuresOf(answer.rounds)
  if (tokens === 0) return answer.isOpen ? 'waiting' : ''
  return `${figure(answer.timings?.predicted_per_second ?? speed)} tokens/s · τ ${figure(tau)}`
}
