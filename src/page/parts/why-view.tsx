/** Why a round was drafted as it was: the budget's numbers, and the choices that it weighed. */
import { scaleLinear } from 'd3-scale'
import type { ComponentChildren } from 'preact'
import { consideredLevels, consideredNodes, reasonsOf } from '../data/reasons.ts'
import { figure } from '../data/words.ts'
import type { Round } from '../types.ts'

/** Reasons of a round, as far as its budget tells them. */
export function WhyView({ round }: { readonly round: Round }): ComponentChildren {
  const reasons = reasonsOf(round)
  const { depth, width, nodes } = round.budget
  return (
    <section class="why" aria-label="Why this tree">
      <h3>Why this tree</h3>
      {reasons.length === 0 ? (
        <p class="quiet">
          {nodes === 0
            ? 'The budget of this round was not to draft.'
            : `This budget gives no reasons. It allowed ${nodes} nodes, ${depth} levels, ${width} wide.`}
        </p>
      ) : (
        <dl>
          {reasons.map(({ name, label, value, hint }) => (
            <div key={name} title={hint}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <Weighed round={round} />
    </section>
  )
}

// ---------------------------------------------------------------------------------------------------------------

const width = 400
const height = 70

/** Expected speed by number of nodes, the chosen one marked. */
function Weighed({ round }: { readonly round: Round }): ComponentChildren {
  const options = consideredNodes(round)
  if (options.length < 2) return null
  const chosen = Number(round.why?.['nodes'] ?? -1)
  const top = Math.max(1, ...options.map(({ value }) => value))
  const y = scaleLinear([0, top], [height - 16, 12])
  const step = width / options.length
  const levels = consideredLevels(round).map(
    ({ level, grown, stopped }) => `level ${level}: ${figure(grown)} with it, ${figure(stopped)} without`,
  )
  return (
    <figure class="weighed">
      <figcaption>
        Expected speed by nodes to check, plain decoding = 1{levels.length > 0 && ` · ${levels.join(' · ')}`}
      </figcaption>
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
            {count === chosen && (
              <text class="value" x={(index + 0.5) * step} y={y(value) - 3} text-anchor="middle">
                {figure(value)}
              </text>
            )}
          </g>
        ))}
      </svg>
    </figure>
  )
}
