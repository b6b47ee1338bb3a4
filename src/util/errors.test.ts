import { describe, expect, it } from 'vitest'
import { assert, defined, unreachable } from './assert.ts'
import { ManualClock, realClock } from './clock.ts'
import { DisposedError, HeterospecError, NativeError, throwIfAborted, UsageError } from './errors.ts'

describe('errors', () => {
  it('carry a code, their own name and a cause', () => {
    const cause = new Error('deep')
    const error = new UsageError('bad-option', 'expected a, got b; do c', { cause })
    expect(error).toBeInstanceOf(HeterospecError)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(NativeError)
    expect([error.name, error.code, error.message]).toEqual(['UsageError', 'bad-option', 'expected a, got b; do c'])
    expect(error.cause).toBe(cause)
    expect(new DisposedError('model')).toMatchObject({ name: 'DisposedError', code: 'disposed' })
    expect(new DisposedError('model').message).toContain('expected a live model')
  })

  it('tell an abort by its code and keep the reason', () => {
    throwIfAborted(undefined)
    const controller = new AbortController()
    throwIfAborted(controller.signal)
    controller.abort('enough')
    expect(() => throwIfAborted(controller.signal)).toThrow(
      expect.objectContaining({ code: 'aborted', cause: 'enough' }),
    )
  })
})

describe('assertions', () => {
  it('name our own mistakes as internal', () => {
    assert(true, 'never seen')
    expect(() => assert(false, 'two is two')).toThrow('internal: two is two')
    expect(() => unreachable('seven' as never)).toThrow('internal: unexpected value seven')
    expect(() => defined(undefined, 'a root')).toThrow('internal: missing a root')
    expect(defined(0)).toBe(0)
  })
})

describe('clocks', () => {
  it('move by hand, or by themselves', () => {
    const clock = new ManualClock()
    expect(clock.now()).toBe(0)
    clock.advance(2.5)
    clock.advance(1)
    expect(clock.now()).toBe(3.5)
    const before = realClock()
    expect(realClock()).toBeGreaterThanOrEqual(before)
  })
})
