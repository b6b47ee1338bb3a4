import { describe, expect, it } from 'vitest'
import { openUnlessAborted } from './interrupt.ts'

function opening(events: string[], meanwhile: () => void = () => undefined) {
  return async () => {
    meanwhile()
    return { [Symbol.asyncDispose]: async () => void events.push('closed') }
  }
}

describe('what is opened', () => {
  it('stays where nobody interrupts', async () => {
    const events: string[] = []
    await openUnlessAborted(new AbortController().signal, opening(events))
    expect(events).toEqual([])
  })

  it('is closed again where the signal came too late for those who opened it', async () => {
    const events: string[] = []
    const controller = new AbortController()
    const opened = openUnlessAborted(
      controller.signal,
      opening(events, () => controller.abort()),
    )
    await expect(opened).rejects.toMatchObject({ code: 'aborted' })
    expect(events).toEqual(['closed'])
  })
})
