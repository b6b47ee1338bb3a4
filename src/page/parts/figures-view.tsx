/** Running figures of an answer, each a number and a small plot. */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { figuresOf, speedsOf, thin, type Figures } from '../data/figures.ts'
import { count, figure, percent } from '../data/words.ts'
import type { Round } from '../types.ts'

/** Four figures of these rounds; each keeps its place and size while there are none. */
export function FiguresView({ rounds }: { readonly rounds: readonly Round[] }): ComponentChildren {
  // Rounds are only ever added; those of a long trace are too many to count them again at every step.
  const figures = useMemo(() => figuresOf(rounds), [rounds, rounds.length])
  return (
    <div class="figures">
      <Speed figures={figures} rounds={rounds} />
      <Tau figures={figures} rounds={rounds} />
      <Acceptance figures={figures} />
      <Time figures={figures} />
    </div>
  )
}

// ---------------------------------------------------------------------------------------------------------------

const width = 200
const height = 44
/** Lower than the others, for two lines of words above it. */
const barHeight = 20

interface Part {
  readonly figures: Figures
  readonly rounds: readonly Round[]
}

function Figure(props: {
  readonly title: string
  readonly value: string
  readonly note: ComponentChildren
  readonly children: ComponentChildren
}): ComponentChildren {
  return (
    <figure>
      <figcaption>
        <span class="title">{props.title}</span>
        <span class="value">{props.value}</span>
        <span class="note" title={typeof props.note === 'string' ? props.note : undefined}>
          {props.note}
        </span>
      </figcaption>
      {props.children}
    </figure>
  )
}

/** A curve from left to right below the highest of its values, with a level that means something. */
function Curve({
  values: all,
  rule,
  label,
}: {
  readonly values: readonly number[]
  readonly rule: number | undefined
  readonly label: string
}): ComponentChildren {
  const values = thin(all, width)
  const x = scaleLinear([0, Math.max(1, values.length - 1)], [2, width - 2])
  const y = scaleLinear([0, Math.max(1e-9, ...values, rule ?? 0) * 1.08], [height - 1, 2])
  const path = line<number>((_, index) => x(index), (value) => y(value)).digits(1)(values) // prettier-ignore
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <line class="base" x1={0} x2={width} y1={height - 0.5} y2={height - 0.5} />
      {rule !== undefined && <line class="rule" x1={0} x2={width} y1={y(rule)} y2={y(rule)} />}
      {path !== null && <path class="curve" d={path} />}
    </svg>
  )
}

function Speed({ figures, rounds }: Part): ComponentChildren {
  const { speed, plainSpeed, tokens } = figures
  const times = plainSpeed === undefined ? '' : `≈ ${(speed / plainSpeed).toFixed(1)} × plain`
  const label = `Tokens per second over the rounds${plainSpeed === undefined ? '' : `; the line is plain decoding, ${figure(plainSpeed)}`}`
  return (
    <Figure title="Tokens per second" value={tokens > 0 ? figure(speed) : '–'} note={tokens > 0 ? times : ''}>
      <Curve values={speedsOf(rounds)} rule={plainSpeed} label={label} />
    </Figure>
  )
}

function Tau({ figures, rounds }: Part): ComponentChildren {
  const { tau, accepted, drafted } = figures
  let tokens = 0
  const means = rounds.map(({ emitted }, index) => (tokens += emitted.length) / (index + 1))
  const note = drafted > 0 ? `${accepted} of ${drafted} accepted` : 'nothing drafted'
  return (
    <Figure
      title="Tokens per pass (τ)"
      value={rounds.length > 0 ? figure(tau) : '–'}
      note={rounds.length > 0 ? note : ''}
    >
      <Curve
        values={means}
        rule={1}
        label="Mean tokens per pass of the model so far; the line at 1 is plain decoding"
      />
    </Figure>
  )
}

function Acceptance({ figures: { acceptance } }: Pick<Part, 'figures'>): ComponentChildren {
  const first = acceptance[0]
  const shown = acceptance.slice(0, 16)
  const step = width / Math.max(8, shown.length)
  const words = shown.map(({ share }, depth) => `depth ${depth + 1} ${percent(share)}`).join(', ')
  return (
    <Figure
      title="Acceptance by depth"
      value={first ? percent(first.share) : '–'}
      note={first ? 'at the first level' : ''}
    >
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={words === '' ? 'no drafts yet' : words}>
        <line class="base" x1={0} x2={width} y1={height - 0.5} y2={height - 0.5} />
        {shown.map(({ share, offered }, depth) => (
          <rect
            key={depth}
            class="column"
            x={depth * step + 1}
            width={step - 3}
            y={height - share * (height - 4)}
            height={share * (height - 4)}
            rx="1"
          >
            <title>{`depth ${depth + 1}: ${percent(share)} of ${count(offered, 'round')}`}</title>
          </rect>
        ))}
      </svg>
    </Figure>
  )
}

function Time({ figures: { time, ms } }: Pick<Part, 'figures'>): ComponentChildren {
  const parts = [
    { name: 'target', ms: time.target },
    { name: 'drafts', ms: time.draft },
    { name: 'rest', ms: time.rest },
  ].map((part) => ({ ...part, words: `${part.name} ${ms > 0 ? percent(part.ms / ms) : '–'}` }))
  let left = 0
  // There from the start: two lines that came later would move what is below.
  const note = parts.slice(1).map(({ name, words }, index) => (
    <span key={name} class="part">
      <i class={`swatch share-${index + 1}`} /> {words}
    </span>
  ))
  const label = parts.map(({ words }) => words).join(', ')
  return (
    <Figure title="Time in the target" value={ms > 0 ? percent(time.target / ms) : '–'} note={note}>
      <svg viewBox={`0 0 ${width} ${barHeight}`} role="img" aria-label={`Share of time: ${label}`}>
        <rect class="empty" x={0} y={2} width={width} height={barHeight - 4} rx="3" />
        {ms > 0 &&
          parts.map((part, index) => {
            const x = left
            const share = (width * part.ms) / ms
            left += share
            return <rect key={part.name} class={`share-${index}`} x={x} y={2} width={share} height={barHeight - 4} />
          })}
      </svg>
    </Figure>
  )
}
