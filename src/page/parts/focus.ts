/** Where the focus goes when the control that had it goes away. */

/** Id of the field where the question is typed; each view has one at most. */
export const questionField = 'question'

/** To the question, or to the beginning of a view without one. */
export function focusQuestion(): void {
  const place = document.getElementById(questionField) ?? document.getElementById('main')
  place?.focus()
}

/** Does something with the focus at the question: for controls that go away by what they do. */
export function fromQuestion(act: () => void): () => void {
  return () => {
    focusQuestion()
    act()
  }
}
