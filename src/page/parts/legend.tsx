/** What the colours of tokens mean. */
import type { ComponentChildren } from 'preact'
import { originClass, originName } from '../data/words.ts'
import type { Round } from '../types.ts'

/** Names of the target and of the drafters that took part in these rounds. */
export function OriginLegend({ rounds }: { readonly rounds: readonly Round[] }): ComponentChildren {
  const names = new Set(['target', ...rounds.flatMap(({ sourceNames = [] }) => sourceNames)])
  return (
    <ul class="legend" aria-label="Who guessed a token">
      {[...names].map((name) => (
        <li key={name}>
          <span class={`token ${originClass(name)}`} aria-hidden="true">
            ab
          </span>{' '}
          {originName(name)}
        </li>
      ))}
    </ul>
  )
}
