/** The conversation: questions, answers while they grow, and where the next question is typed. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Answer } from '../data/answer.ts'
import { sentenceOf, standing, type Turn } from '../data/store.ts'
import { writeTraceFile } from '../data/trace-file.ts'
import { count, figure, seconds } from '../data/words.ts'
import { BeginOrStop } from './begin-or-stop.tsx'
import { saveFile } from './files.ts'
import { focusQuestion, fromQuestion, questionField } from './focus.ts'
import { isComposing, useAnswer, useEscape, useTicks } from './hooks.ts'
import { Inspector } from './inspector.tsx'
import { OriginLegend } from './legend.tsx'
import { SettingsView } from './settings-view.tsx'
import { useStore } from './store-context.ts'
import { Tokens } from './tokens.tsx'

/** Settings, conversation, and the inside of the answer that is looked at. */
export function Chat(): ComponentChildren {
  const store = useStore()
  const turns = store.turns.value
  const last = turns.at(-1)
  const shown = store.shown.value ?? (last && standing(last))
  useEscape(() => store.working?.stop())
  return (
    <div class="chat">
      <details class="side" open={window.innerWidth >= 1180}>
        <summary>Settings</summary>
        <SettingsView settings={store.settings.value} onChange={(settings) => (store.settings.value = settings)} />
      </details>
      <section class="conversation" aria-label="Conversation">
        <Log turns={turns} />
        <Composer />
      </section>
      <Inspector answer={shown} look={store.look.value} onLook={(look) => (store.look.value = look)} />
    </div>
  )
}

// ---------------------------------------------------------------------------------------------------------------

/** Short, and each shows something: copying, listing, and text that is hard to guess. */
const examples = [
  'Write the numbers from 1 to 30, separated by commas.',
  'Why is the sky blue? Answer in two sentences.',
  'Write a function in Python that adds two numbers, then the same function with a docstring.',
]

function Log({ turns }: { readonly turns: readonly Turn[] }): ComponentChildren {
  const store = useStore()
  const frame = useRef<HTMLDivElement>(null)
  const last = turns.at(-1)?.answer
  useAnswer(last)
  // The newest text stays in view, unless the reader has gone back.
  const follows = useRef(true)
  useEffect(() => {
    if (follows.current) frame.current?.scrollTo(0, frame.current.scrollHeight)
  })
  const onScroll = (): void => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = frame.current ?? {}
    follows.current = scrollHeight - scrollTop - clientHeight < 40
  }
  return (
    <div class="log" ref={frame} onScroll={onScroll} tabIndex={0} role="region" aria-label="Messages">
      {turns.length === 0 && (
        <div class="welcome">
          <h2>Ask the model something</h2>
          <p>The colours of the answer tell who guessed each token; beside it you see every round as it happens.</p>
          <ul>
            {examples.map((example) => (
              <li key={example}>
                <button type="button" onClick={fromQuestion(() => void store.ask(example))}>
                  {example}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
      {turns.map((turn, index) => (
        <TurnView key={index} turn={turn} isLast={index === turns.length - 1} />
      ))}
    </div>
  )
}

function TurnView({ turn, isLast }: { readonly turn: Turn; readonly isLast: boolean }): ComponentChildren {
  const store = useStore()
  const { question, answer } = turn
  useAnswer(answer)
  const text = standing(turn)
  const isShown = store.shown.value ? store.shown.value === text : isLast
  const look = store.look.value
  const pick = (round: number, node: number | 'own'): void => {
    store.shown.value = isLast ? undefined : text
    store.look.value = { round, node }
  }
  const isOpen = answer.isOpen
  return (
    <>
      <article class="question" aria-label="You" dir="auto">
        {question}
      </article>
      <article class="answer" aria-label="Answer" aria-busy={isOpen}>
        <Tokens answer={text} round={isShown ? look.round : undefined} onPick={pick} />
        {answer.state.value === 'failed' && <p class="alarm">{sentenceOf(answer)}</p>}
        <footer>
          <Summary answer={answer} />
          <p class="actions">
            {!isOpen && text.rounds.length > 0 && (
              <button type="button" class="small" onClick={() => saveFile('trace.jsonl', writeTraceFile(text.rounds))}>
                Save trace
              </button>
            )}
            {isLast && !isOpen && <Again isFailed={answer.state.value === 'failed'} />}
          </p>
        </footer>
      </article>
      {isLast && text.rounds.length > 0 && <OriginLegend rounds={text.rounds} />}
    </>
  )
}

/** What can be done with the last question. */
function Again({ isFailed }: { readonly isFailed: boolean }): ComponentChildren {
  const store = useStore()
  return (
    <>
      <button type="button" class="small" onClick={fromQuestion(() => void store.regenerate())}>
        {isFailed ? 'Try again' : 'Regenerate'}
      </button>
      <button type="button" class="small" onClick={fromQuestion(() => store.takeBack())}>
        Edit question
      </button>
    </>
  )
}

/** Tokens, time and speed; always on one line, so that nothing moves when it comes. */
function Summary({ answer }: { readonly answer: Answer }): ComponentChildren {
  useTicks(answer.isOpen, 100)
  const tokens = answer.timings?.predicted_n ?? answer.rounds.reduce((sum, { emitted }) => sum + emitted.length, 0)
  const speed = answer.timings?.predicted_per_second
  const how = {
    waiting: 'waiting for the first token',
    streaming: 'writing',
    stopped: 'stopped',
    failed: 'failed',
    done: '',
  }[answer.state.value]
  const parts = [
    how,
    count(tokens, 'token'),
    seconds(answer.ms),
    ...(speed === undefined ? [] : [`${figure(speed)} tokens/s`]),
    ...(answer.reason === 'length' ? ['cut at the limit'] : []),
    answer.label,
  ]
  const words = parts.filter((part) => part !== '').join(' · ')
  return (
    <p class="summary" title={words}>
      {words}
    </p>
  )
}

function Composer(): ComponentChildren {
  const store = useStore()
  const text = store.draft.value
  const last = store.turns.value.at(-1)?.answer
  useAnswer(last)
  const working = store.working
  const send = (): void => {
    // What is typed now, not what was drawn last: Enter may come first.
    const question = store.draft.value.trim()
    if (question === '' || store.working) return
    store.draft.value = ''
    focusQuestion()
    void store.ask(question)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
    event.preventDefault()
    send()
  }
  return (
    <form
      class="composer"
      aria-label="Next question"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        id={questionField}
        rows={2}
        value={text}
        placeholder="Ask something"
        aria-label="Your question. Enter sends it, Shift and Enter begins a line, Escape stops the answer."
        onInput={(event) => (store.draft.value = event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="buttons">
        <BeginOrStop
          isRunning={working !== undefined}
          begin="Send"
          disabled={text.trim() === ''}
          onStop={() => working?.stop()}
        />
        <button type="button" disabled={store.turns.value.length === 0} onClick={fromQuestion(() => store.clear())}>
          New chat
        </button>
      </div>
    </form>
  )
}
