/** Why a round was drafted as it was: in sentences, by the budget's numbers, and with the choices that it weighed. */
import { scaleLinear } from 'd3-scale'
import type { ComponentChildren } from 'preact'
import { decisionOf } from '../data/decision.ts'
import { consideredLevels, consideredNodes, reasonsOf, type Reason } from '../data/reasons.ts'
import { figure } from '../data/words.ts'
import type { Round } from '../types.ts'

/** Reasons of a round, as far as its budget tells them. */
export function WhyView({ round }: { readonly round: Round }): ComponentChildren {
  // A reason in words is said above.
  const reasons = reasonsOf(round).filter(({ name }) => name !== 'reason')
  return (
    <section class="why" aria-label="Why this tree">
      <h3>{round.drafted > 0 ? 'Why this tree' : 'Why no tree'}</h3>
      <p class="why-words">{decisionOf(round).join(' ')}</p>
      {reasons.length > 0 && <Numbers reasons={reasons} />}
      {reasons.length > 0 && <Meanings reasons={reasons} />}
      <Weighed round={round} />
    </section>
  )
}

// ---------------------------------------------------------------------------------------------------------------

function Numbers({ reasons }: { readonly reasons: readonly Reason[] }): ComponentChildren {
  return (
    <dl>
      {reasons.map(({ name, label, value, hint }) => (
        <div key={name} title={hint}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** The same as the hints of the numbers, for fingers and for those who do not see them. */
function Meanings({ reasons }: { readonly reasons: readonly Reason[] }): ComponentChildren {
  return (
    <details>
      <summary>What these numbers mean</summary>
      <dl class="meanings">
        {reasons.map(({ name, label, hint }) => (
          <div key={name}>
            <dt>{label}:</dt>
            <dd>{hint}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

const width = 400
const height = 70

/** Expected speed by number of nodes, the chosen one marked; and by level. */
function Weighed({ round }: { readonly round: Round }): ComponentChildren {
  const options = consideredNodes(round)
  if (options.length < 2) return null
  const chosen = Number(round.why?.['nodes'] ?? -1)
  const top = Math.max(1, ...options.map(({ value }) => value))
  const y = scaleLinear([0, top], [height - 16, 12])
  const step = width / options.length
  const levels = consideredLevels(round).map(
    ({ level, width, grown, stopped }) =>
      `level ${level}${width > 0 ? `, ${width} wide` : ''}: ${figure(grown)} with it, ${figure(stopped)} without`,
  )
  return (
    <figure class="weighed">
      <figcaption>Expected speed by nodes to check, plain decoding = 1</figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={options.map(({ count, value }) => `${count} nodes ${figure(value)}`).join(', ')}
      >
        <line class="rule" x1={0} x2={width} y1={y(1)} y2={y(1)} />
        {options.map(({ count, value }, index) => (
          <g key={count} class={count === chosen ? 'option chosen' : 'option'}>
            <rect
              x={index * step + step * 0.15}
              width={step * 0.7}
              y={y(value)}
              height={height - 16 - y(value)}
              rx="2"
            />
            <text x={(index + 0.5) * step} y={height - 4} text-anchor="middle">
              {count}
            </text>
            <text class="value" x={(index + 0.5) * step} y={y(value) - 3} text-anchor="middle">
              {figure(value)}
            </text>
          </g>
        ))}
      </svg>
      {levels.length > 0 && <p class="quiet">Levels weighed: {levels.join('; ')}.</p>}
    </figure>
  )
}
