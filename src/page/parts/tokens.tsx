/**
 * The text of an answer, each token coloured by who guessed it. Under the pointer, or with the arrow keys, a token says where it
 * comes from; a click (or Enter) shows its round. To screen readers it is one text.
 */
import { Component, type ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from '../data/answer.ts'
import { originClass, originName, percent } from '../data/words.ts'
import type { Round, ShownToken } from '../types.ts'

/** A place in `Answer.groups`. */
interface Place {
  readonly group: number
  readonly index: number
}

/** Tokens of an answer. `round`: whose tokens are marked; `rounds`: as many as are shown, all where it is left out. */
export function Tokens(props: {
  readonly answer: Answer
  readonly round: number | undefined
  readonly rounds?: number | undefined
  /** A token of this round was chosen; `own`: the target's. */
  readonly onPick: (round: number, node: number | 'own') => void
}): ComponentChildren {
  const { answer, round, rounds = Infinity, onPick } = props
  const frame = useRef<HTMLDivElement>(null)
  const [hint, setHint] = useState<{ readonly text: string; readonly place: Place; readonly at: DOMRect }>()
  useEffect(() => reveal(frame.current?.querySelector('.marked')), [round])

  const show = (element: Element | null | undefined): void => {
    frame.current?.querySelector('.token.active')?.classList.remove('active')
    const place = placeOf(element)
    const token = place && answer.groups[place.group]?.[place.index]
    if (!element || !place || !token) {
      setHint(undefined)
      return
    }
    element.classList.add('active')
    setHint({ text: describe(token, answer.rounds[token.round]), place, at: element.getBoundingClientRect() })
  }
  const pick = (place: Place | undefined): void => {
    const token = place && answer.groups[place.group]?.[place.index]
    if (token) onPick(Math.max(0, token.round), token.round < 0 ? 0 : (token.node ?? 'own'))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    const isClosing = event.key === 'Escape' && hint !== undefined
    if (event.key === 'Enter') pick(hint?.place)
    if (step === undefined && !isClosing) return
    event.preventDefault()
    const next = step === undefined ? undefined : tokenBeside(frame.current, step)
    reveal(next)
    show(next)
  }
  return (
    <>
      <div
        ref={frame}
        class="tokens"
        role="group"
        tabIndex={0}
        aria-label="Answer. Arrow keys go from token to token, Enter shows the round of a token."
        onKeyDown={onKeyDown}
        onPointerOver={(event) => show((event.target as Element).closest('.token'))}
        onPointerLeave={() => show(undefined)}
        onBlur={() => show(undefined)}
        onClick={(event) => pick(placeOf((event.target as Element).closest('.token')))}
      >
        {answer.groups.slice(0, rounds + 1).map((tokens, group) => (
          <Group key={group} tokens={tokens} group={group} isMarked={group - 1 === round} />
        ))}
        {rounds === Infinity && answer.rest}
      </div>
      <Hint text={hint?.text} at={hint?.at} />
    </>
  )
}

// ---------------------------------------------------------------------------------------------------------------

interface GroupProps {
  readonly tokens: readonly ShownToken[]
  readonly group: number
  readonly isMarked: boolean
}

/** Tokens of one round. Thousands of them stay as they are while the answer grows. */
class Group extends Component<GroupProps> {
  override shouldComponentUpdate({ tokens, isMarked }: GroupProps): boolean {
    return tokens !== this.props.tokens || isMarked !== this.props.isMarked
  }

  override render({ tokens, group, isMarked }: GroupProps): ComponentChildren {
    const spans = tokens.map(({ text, origin }, index) =>
      text === '' ? null : (
        <span key={index} class={`token ${originClass(origin)}`} data-group={group} data-index={index}>
          {text}
        </span>
      ),
    )
    return isMarked ? <span class="marked">{spans}</span> : spans
  }
}

/** The token before or after the active one; the first or the last where none is. */
function tokenBeside(frame: Element | null, step: number): Element | undefined {
  const all = [...(frame?.querySelectorAll('.token') ?? [])]
  const active = all.findIndex((one) => one.classList.contains('active'))
  const from = active < 0 && step < 0 ? all.length : active
  return all[Math.min(all.length - 1, Math.max(0, from + step))]
}

/** Scrolls the frame of the messages, and nothing else: on a narrow screen the page itself shows the tree meanwhile. */
function reveal(element: Element | null | undefined): void {
  const log = element?.closest('.log')
  if (!element || !log) return
  const [inner, outer] = [element.getBoundingClientRect(), log.getBoundingClientRect()]
  if (inner.top < outer.top + margin) log.scrollTop += inner.top - outer.top - margin
  else if (inner.bottom > outer.bottom - margin) log.scrollTop += inner.bottom - outer.bottom + margin
}

/** Pixels around what was scrolled to. */
const margin = 40

/** Stands above its token; also said aloud. */
function Hint({
  text,
  at,
}: {
  readonly text: string | undefined
  readonly at: DOMRect | undefined
}): ComponentChildren {
  return (
    <div class="hint" role="status" aria-live="polite" style={at ? hintPlace(at) : { visibility: 'hidden' }}>
      {text}
    </div>
  )
}

function placeOf(element: Element | null | undefined): Place | undefined {
  if (!(element instanceof HTMLElement)) return undefined
  const { group, index } = element.dataset
  return group === undefined || index === undefined ? undefined : { group: Number(group), index: Number(index) }
}

function describe({ origin, round, node }: ShownToken, trace: Round | undefined): string {
  if (trace === undefined) return 'The target itself, with the prompt'
  if (node === undefined) return `The target itself · round ${round + 1}`
  const depth = trace.tree.acceptedPath.indexOf(node) + 1
  const chance = percent(Math.exp(trace.tree.logProbs[node] ?? 0))
  return `Guessed by ${originName(origin)} · round ${round + 1}, depth ${depth} · draft confidence ${chance}`
}

/** Above the token, and inside the window. */
function hintPlace({ left, top }: DOMRect): { left: string; top: string } {
  return { left: `${Math.max(8, Math.min(left, window.innerWidth - 360))}px`, top: `${Math.max(8, top - 34)}px` }
}
