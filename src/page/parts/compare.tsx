/**
 * Two settings on the same prompt, each with a clock. With the same sampling the texts are the same, and the page says whether
 * they are. Afterwards both can be seen again side by side, at the speed that they had.
 */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Comparison } from '../data/comparison.ts'
import { samplingWords, type Speculation } from '../data/settings.ts'
import { newest, type Look } from '../data/store.ts'
import { BeginOrStop } from './begin-or-stop.tsx'
import { Contestant } from './contestant.tsx'
import { focusQuestion, questionField } from './focus.ts'
import { useAnswer, useRace } from './hooks.ts'
import { Inspector } from './inspector.tsx'
import { useStore } from './store-context.ts'

interface Looked {
  readonly side: 0 | 1
  readonly look: Look
}

/** A prompt, two settings, two answers. */
export function Compare(): ComponentChildren {
  const store = useStore()
  const speculations = store.speculations.value
  const comparison = store.comparison.value
  const [looked, setLooked] = useState<Looked>({ side: 1, look: newest })
  const race = useRace(comparison)
  useAnswer(comparison?.answers[0])
  useAnswer(comparison?.answers[1])
  const run = async (): Promise<void> => {
    const next = new Comparison(store.prompt.value, store.settings.value, speculations, store.chats)
    race.stop()
    store.comparison.value = next
    setLooked({ side: 1, look: newest })
    await next.run(store.api)
    store.announcement.value = next.verdict()
  }
  const change = (side: 0 | 1, speculation: Speculation): void => {
    store.speculations.value = side === 0 ? [speculation, speculations[1]] : [speculations[0], speculation]
  }
  const isRunning = comparison?.isRunning ?? false
  return (
    <div class="compare">
      <Prompt isRunning={isRunning} onRun={() => void run()} onStop={() => comparison?.stop()} />
      <Verdict comparison={comparison} onRace={race.start} />
      <div class="sides">
        {([0, 1] as const).map((side) => (
          <Contestant
            key={side}
            name={side === 0 ? 'A' : 'B'}
            speculation={speculations[side]}
            answer={comparison?.answers[side]}
            round={looked.side === side ? looked.look.round : undefined}
            raceMs={race.ms}
            slowestMs={comparison?.slowestMs ?? 0}
            onChange={(speculation) => change(side, speculation)}
            onPick={(look) => setLooked({ side, look })}
          />
        ))}
      </div>
      <Inspector
        answer={comparison?.answers[looked.side]}
        look={looked.look}
        onLook={(look) => setLooked({ ...looked, look })}
      >
        <Sides side={looked.side} onSide={(side) => setLooked({ side, look: newest })} />
      </Inspector>
    </div>
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** What came of it, and how both were asked. It takes as much room before as after. */
function Verdict(props: {
  readonly comparison: Comparison | undefined
  readonly onRace: () => void
}): ComponentChildren {
  const { comparison, onRace } = props
  const now = samplingWords(useStore().settings.value)
  return (
    <div class="verdict">
      <div>
        <p class="verdict-words">
          {comparison && !comparison.isRunning
            ? comparison.verdict()
            : 'One after the other: neither takes time from the other.'}
        </p>
        <p class="quiet">
          {comparison && comparison.sampling !== now
            ? `Both ran ${comparison.sampling}; the settings of the chat have changed since.`
            : `Both ${now}: the settings of the chat.`}
        </p>
      </div>
      <button type="button" class="small" disabled={!comparison?.isComplete} onClick={onRace}>
        See both at once
      </button>
    </div>
  )
}

/** Whose rounds are shown. */
function Sides({ side, onSide }: { readonly side: 0 | 1; readonly onSide: (side: 0 | 1) => void }): ComponentChildren {
  return (
    <span class="buttons" role="group" aria-label="Whose rounds">
      {([0, 1] as const).map((one) => (
        <button key={one} type="button" class="small" aria-pressed={one === side} onClick={() => onSide(one)}>
          {one === 0 ? 'A' : 'B'}
        </button>
      ))}
    </span>
  )
}

function Prompt(props: {
  readonly isRunning: boolean
  readonly onRun: () => void
  readonly onStop: () => void
}): ComponentChildren {
  const { isRunning, onRun, onStop } = props
  const store = useStore()
  const prompt = store.prompt.value
  return (
    <form
      class="composer"
      aria-label="What both are asked"
      onSubmit={(event) => {
        event.preventDefault()
        if (isRunning || prompt.trim() === '') return
        focusQuestion()
        onRun()
      }}
    >
      <textarea
        id={questionField}
        rows={2}
        aria-label="Prompt of both"
        value={prompt}
        onInput={(event) => (store.prompt.value = event.currentTarget.value)}
      />
      <div class="buttons">
        <BeginOrStop isRunning={isRunning} begin="Run both" disabled={prompt.trim() === ''} onStop={onStop} />
      </div>
    </form>
  )
}
