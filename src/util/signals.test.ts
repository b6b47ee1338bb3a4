import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { joinSignals } from './signals.ts'

describe('joined signals', () => {
  it('end when one of them does, for its reason, before the joining or after', () => {
    const [one, other] = [new AbortController(), new AbortController()]
    using joined = joinSignals([one.signal, other.signal])
    expect(joined.signal.aborted).toBe(false)
    const reason = new Error('enough')
    other.abort(reason)
    expect(joined.signal.reason).toBe(reason)
    using late = joinSignals([one.signal, other.signal])
    expect(late.signal.reason).toBe(reason)
  })

  it('leave nothing behind at signals that live on', () => {
    const long = new AbortController()
    for (let times = 0; times < 3; times++) {
      using joined = joinSignals([long.signal, AbortSignal.timeout(1)])
      expect(joined.signal.aborted).toBe(false)
    }
    expect(getEventListeners(long.signal, 'abort')).toEqual([])
  })

  it('are no leak, however many there are at a time', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    const long = new AbortController()
    const joined = Array.from({ length: 20 }, () => joinSignals([long.signal]))
    await new Promise(setImmediate)
    expect(warned).not.toHaveBeenCalled()
    expect(getEventListeners(long.signal, 'abort')).toHaveLength(20)
    for (const one of joined) one[Symbol.dispose]()
    process.off('warning', warned)
  })
})
