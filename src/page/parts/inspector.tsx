/** What happened inside: the tree of one round, all rounds, the budget's reasons, and the figures of the answer. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Answer } from '../data/answer.ts'
import type { Look } from '../data/store.ts'
import { roundSentence } from '../data/words.ts'
import { FiguresView } from './figures-view.tsx'
import { useAnswer } from './hooks.ts'
import { Timeline } from './timeline.tsx'
import { TreeView } from './tree-view.tsx'
import { WhyView } from './why-view.tsx'

/** Trees that change faster than this cannot be read. */
const readableMs = 250

/** The inside of an answer; without one it says what will be here. */
export function Inspector(props: {
  readonly answer: Answer | undefined
  readonly look: Look
  readonly onLook: (look: Look) => void
  /** Stands before the heading. */
  readonly children?: ComponentChildren
}): ComponentChildren {
  const { answer, look, onLook, children } = props
  const [withPruned, setWithPruned] = useState(true)
  useAnswer(answer, readableMs)
  const rounds = answer?.rounds ?? []
  const at = Math.min(look.round ?? Infinity, rounds.length - 1)
  const round = rounds[at]
  const { count: pruned = 0, tokens: shown = [] } = round?.pruned ?? {}
  return (
    <section class="inspector" aria-label="Inside the model">
      <header>
        {children}
        <h2>{round ? `Round ${at + 1} of ${rounds.length}` : 'Inside the model'}</h2>
        <p class="round-words">{round ? roundSentence(round) : 'Each pass of the model will be drawn here.'}</p>
        <label class="check">
          <input type="checkbox" checked={withPruned} onChange={() => setWithPruned(!withPruned)} /> pruned
          {pruned > shown.length ? ` (${shown.length} of ${pruned})` : pruned > 0 ? ` (${pruned})` : ''}
        </label>
      </header>
      <Timeline
        rounds={rounds}
        at={at}
        follows={look.round === undefined}
        onRound={(next) => onLook({ round: next, node: undefined })}
      />
      {answer && round ? (
        <TreeView
          round={round}
          pieces={answer.pieces}
          withPruned={withPruned}
          node={look.node}
          onNode={(node) => onLook({ round: at, node })}
        />
      ) : (
        <Introduction />
      )}
      <TreeLegend />
      <div class="below">
        <FiguresView rounds={rounds} />
        {round ? <WhyView round={round} /> : <section class="why" />}
      </div>
    </section>
  )
}

// ---------------------------------------------------------------------------------------------------------------

function Introduction(): ComponentChildren {
  return (
    <>
      <div class="tree-frame empty">
        <ol>
          <li>A cheap drafter guesses how the text goes on: a tree of tokens.</li>
          <li>The model checks the whole tree in one pass, for little more than the price of one token.</li>
          <li>Guesses that the model would have made itself are kept. The text is the same as without guessing.</li>
        </ol>
      </div>
      <p class="node-words" />
    </>
  )
}

function TreeLegend(): ComponentChildren {
  const kinds = [
    ['accepted', 'accepted'],
    ['own', 'the target’s own'],
    ['rejected', 'rejected'],
    ['pruned', 'pruned before the check'],
  ] as const
  return (
    <ul class="legend" aria-label="What became of guesses">
      {kinds.map(([state, words]) => (
        <li key={state}>
          <svg width="22" height="14" aria-hidden="true">
            <g class={`node ${state} origin-eagle3`}>
              <rect class="box" x="1.5" y="1.5" width="19" height="11" rx="3" />
            </g>
          </svg>{' '}
          {words}
        </li>
      ))}
    </ul>
  )
}
