/** All rounds of an answer at a glance, and the way through them: one bar each, as high as its tokens. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { roundSentence } from '../data/words.ts'
import type { Round } from '../types.ts'

/** `at`: the round that is shown; `follows`: it is the newest whatever comes. */
export function Timeline(props: {
  readonly rounds: readonly Round[]
  readonly at: number
  readonly follows: boolean
  readonly onRound: (round: number | undefined) => void
}): ComponentChildren {
  const { rounds, at, follows, onRound } = props
  const last = rounds.length - 1
  const round = rounds[at]
  const words = round ? `Round ${at + 1} of ${rounds.length}. ${roundSentence(round)}` : 'no round yet'
  const play = usePlay(at, last, onRound)
  const go = (to: number): void => {
    play.stop()
    onRound(Math.min(last, Math.max(0, to)))
  }
  return (
    <div class="timeline">
      <div class="track" title="Tokens of each round: guessed ones blue, the target’s own grey">
        <Bars rounds={rounds} at={at} onRound={go} />
        <input
          type="range"
          aria-label="Round"
          aria-valuetext={words}
          min={0}
          max={Math.max(0, last)}
          value={at}
          disabled={last < 0}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
      </div>
      <div class="buttons">
        <Button label="Previous round" sign="‹" disabled={at <= 0} onClick={() => go(at - 1)} />
        <Button
          label={play.isOn ? 'Pause' : 'Play the rounds'}
          sign={play.isOn ? '❚❚' : '▶'}
          disabled={last < 1}
          onClick={play.toggle}
        />
        <Button label="Next round" sign="›" disabled={at >= last} onClick={() => go(at + 1)} />
        <button
          type="button"
          class="small"
          aria-pressed={follows}
          onClick={() => onRound(undefined)}
          disabled={last < 0}
        >
          Newest
        </button>
      </div>
    </div>
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** Milliseconds of one round while all are played: long enough to read a tree. */
const playMs = 700

/** One round after the other, from the first where the last is shown. */
function usePlay(
  at: number,
  last: number,
  onRound: (round: number) => void,
): { readonly isOn: boolean; readonly toggle: () => void; readonly stop: () => void } {
  const [isOn, setOn] = useState(false)
  useEffect(() => {
    if (!isOn) return undefined
    const timer = setTimeout(() => {
      if (at < last) onRound(at + 1)
      else setOn(false)
    }, playMs)
    return () => clearTimeout(timer)
  }, [isOn, at, last, onRound])
  const toggle = (): void => {
    if (!isOn && at >= last) onRound(0)
    setOn(!isOn)
  }
  return { isOn, toggle, stop: () => setOn(false) }
}

function Button(props: {
  readonly label: string
  readonly sign: string
  readonly disabled: boolean
  readonly onClick: () => void
}): ComponentChildren {
  const { label, sign, ...rest } = props
  return (
    <button type="button" class="small icon" aria-label={label} title={label} {...rest}>
      {sign}
    </button>
  )
}

/** Fewer columns than this leave room on the right, so that bars do not shrink from the start; more cannot be told apart. */
const fewest = 40
const most = 400

function Bars(props: {
  readonly rounds: readonly Round[]
  readonly at: number
  readonly onRound: (round: number) => void
}): ComponentChildren {
  const { rounds, at, onRound } = props
  const perBar = Math.ceil(Math.max(1, rounds.length) / most)
  const columns = Math.max(fewest, Math.ceil(rounds.length / perBar))
  const highest = Math.max(4, ...rounds.map(({ emitted }) => emitted.length))
  const rect = (from: number, to: number): { y: number; height: number } => ({
    y: 100 - (100 * to) / highest,
    height: (100 * (to - from)) / highest,
  })
  const bars = Array.from({ length: Math.ceil(rounds.length / perBar) }, (_, index) =>
    meanBar(rounds.slice(index * perBar, (index + 1) * perBar)),
  )
  const pick = (event: MouseEvent): void => {
    const { left, width } = (event.currentTarget as SVGElement).getBoundingClientRect()
    onRound(Math.floor(((event.clientX - left) / width) * columns) * perBar)
  }
  return (
    // A shortcut for pointers only: the slider below does the same, and for everybody.
    <svg viewBox={`0 0 ${columns} 100`} preserveAspectRatio="none" aria-hidden="true" onClick={pick}>
      {bars.map(({ drafted, all }, index) => (
        <g key={index} class={index === Math.floor(at / perBar) ? 'bar current' : 'bar'}>
          <rect class="hit" x={index} y={0} width={1} height={100} />
          <rect class="accepted" x={index + 0.12} width={0.76} {...rect(0, drafted)} />
          <rect class="own" x={index + 0.12} width={0.76} {...rect(drafted, all)} />
        </g>
      ))}
    </svg>
  )
}

/** Mean tokens of some rounds: those that were drafted, and all. */
function meanBar(rounds: readonly Round[]): { readonly drafted: number; readonly all: number } {
  const mean = (pick: (round: Round) => number): number =>
    rounds.reduce((sum, round) => sum + pick(round), 0) / rounds.length
  return {
    drafted: mean(({ accepted, emitted }) => Math.min(accepted, emitted.length)),
    all: mean(({ emitted }) => emitted.length),
  }
}
