/** The button that begins something, and the one that ends it in its place while it runs. */
import type { ComponentChildren } from 'preact'
import { focusQuestion } from './focus.ts'

/** For a form: the first one submits it, the second one only calls `onStop`. The question has the focus then. */
export function BeginOrStop(props: {
  readonly isRunning: boolean
  readonly begin: string
  readonly disabled: boolean
  readonly onStop: () => void
}): ComponentChildren {
  const { isRunning, begin, disabled, onStop } = props
  // The second half of a double click was meant for the button that stood here before.
  const stop = (event: MouseEvent): void => {
    if (event.detail > 1) return
    focusQuestion()
    onStop()
  }
  const submit = (event: MouseEvent): void => {
    if (event.detail > 1) event.preventDefault()
  }
  // Keys keep them apart: one element for both would submit the form by the very click that stops.
  return isRunning ? (
    <button key="stop" type="button" class="main" onClick={stop}>
      Stop
    </button>
  ) : (
    <button key="begin" type="submit" class="main" disabled={disabled} onClick={submit}>
      {begin}
    </button>
  )
}
