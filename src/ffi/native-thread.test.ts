import { describe, expect, it, vi } from 'vitest'
import { allocateNative } from './memory.ts'
import { NativeThread } from './native-thread.ts'

const linux = process.platform === 'linux'

describe('a thread that runs one native function', () => {
  it.runIf(linux)('answers each call with its own result', async () => {
    using left = allocateNative(2)
    using right = allocateNative(2)
    await using thread = new NativeThread('libc.so.6', 'int strcmp(void* a, void* b)')
    left.view.setUint16(0, 0)
    right.view.setUint16(0, 0)
    for (let call = 0; call < 300; call++) {
      const expected = call % 3
      left.view.setUint8(0, 1 + expected)
      right.view.setUint8(0, 2)
      expect(Math.sign(await thread.call(left.address, right.address))).toBe(expected - 1)
    }
  })

  it.runIf(linux)('takes no late wake-up of an earlier call for the answer to this one', async () => {
    using time = allocateNative(16)
    const ask = (nanoseconds: bigint): Promise<number> => {
      time.view.setBigInt64(0, 0n, true)
      time.view.setBigInt64(8, nanoseconds, true)
      return thread.call(time.address, 0n)
    }
    await using thread = new NativeThread('libc.so.6', 'int nanosleep(void* time, void* rest)')
    const waits = vi.spyOn(Atomics, 'waitAsync')
    try {
      // More than a second of nanoseconds: refused, and what would be read as the answer to the next call.
      expect(await ask(2_000_000_000n)).toBe(-1)
      const slow = ask(300_000_000n)
      const [state, index] = waits.mock.calls[0] as unknown as [Int32Array, number]
      for (let wake = 0; wake < 3; wake++) {
        Atomics.notify(state, index)
        await new Promise(setImmediate)
      }
      expect(await slow).toBe(0)
    } finally {
      waits.mockRestore()
    }
  })

  it.runIf(linux)('runs once for each call, also when its wake-up comes after its answer', async () => {
    using text = allocateNative(16)
    using letter = allocateNative(2)
    letter.view.setUint8(0, 120)
    await using thread = new NativeThread('libc.so.6', 'int strcat(void* to, void* from)')
    await thread.call(text.address, letter.address) // it has started now, and waits
    const { notify } = Atomics
    const late = vi.spyOn(Atomics, 'notify').mockImplementation((...args: Parameters<typeof notify>) => {
      const until = performance.now() + 30
      while (performance.now() < until);
      return notify(...args)
    })
    try {
      // The owner's call is on its way to sleep on the answer: a thread that is awake takes it without a wake-up.
      for (let call = 0; call < 3; call++) await thread.call(text.address, letter.address)
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      late.mockRestore()
    }
    expect([0, 1, 2, 3, 4].map((at) => text.view.getUint8(at))).toEqual([120, 120, 120, 120, 0])
  })

  it('says so when the function is not there', async () => {
    await using thread = new NativeThread('no-such-library.so', 'int nothing(void* a, void* b)')
    await expect(thread.call(0n, 0n)).rejects.toMatchObject({ code: 'native-failure' })
  })
})
