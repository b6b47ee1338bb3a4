import { describe, expect, it } from 'vitest'
import { Joined } from './joined.ts'

/** Work that says what went together; it ends when told to. */
function workshop(most = Infinity): {
  readonly joined: Joined<string, string>
  readonly lots: string[]
  readonly end: () => Promise<void>
} {
  const lots: string[] = []
  const ends: (() => void)[] = []
  const joined = new Joined<string, string>({
    fits: (lot) => lot.length < most,
    run: async (lot) => {
      lots.push(lot.join(' '))
      await new Promise<void>((resolve) => ends.push(resolve))
      if (lot.includes('bad')) throw new Error(`bad among ${lot.length}`)
      return lot.map((item) => `${item}!`)
    },
  })
  const end = async (): Promise<void> => {
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve))
    ends.shift()!()
  }
  return { joined, lots, end }
}

describe('work that is done together', () => {
  it('is what waits when the last lot is done, and each gets its own result', async () => {
    const { joined, lots, end } = workshop()
    const first = [joined.add('a'), joined.add('b')]
    await new Promise((resolve) => setImmediate(resolve))
    const later = ['c', 'd'].map((item) => joined.add(item))
    expect(lots).toEqual(['a b'])
    await end()
    expect(await Promise.all(first)).toEqual(['a!', 'b!'])
    await end()
    expect(await Promise.all(later)).toEqual(['c!', 'd!'])
    expect(lots).toEqual(['a b', 'c d'])
  })

  it('takes along those whose last work has just ended', async () => {
    const { joined, lots, end } = workshop()
    const both = joined.add('a').then(() => joined.add('a2'))
    await new Promise((resolve) => setImmediate(resolve))
    const late = joined.add('b')
    for (let lot = 0; lot < 2; lot++) await end()
    expect(await Promise.all([both, late])).toEqual(['a2!', 'b!'])
    expect(lots).toEqual(['a', 'b a2'])
  })

  it('does not wait for anybody where there has been nobody for long, until somebody comes', async () => {
    const { joined, lots, end } = workshop()
    const started = async (item: string): Promise<boolean> => {
      const result = joined.add(item)
      for (let tick = 0; tick < 20; tick++) await Promise.resolve()
      const has = lots.at(-1) === item
      await end()
      await result
      return has
    }
    expect(await started('a')).toBe(false)
    for (let turn = 0; turn < 10; turn++) await started('again')
    expect(await started('b')).toBe(true)
    const first = joined.add('c')
    for (let tick = 0; tick < 20; tick++) await Promise.resolve()
    const second = joined.add('d')
    for (let lot = 0; lot < 2; lot++) await end()
    await Promise.all([first, second])
    expect(await started('e')).toBe(false)
  })

  it('is divided where not all fit, the first one first', async () => {
    const { joined, lots, end } = workshop(2)
    const all = ['a', 'b', 'c'].map((item) => joined.add(item))
    for (let lot = 0; lot < 2; lot++) await end()
    expect(await Promise.all(all)).toEqual(['a!', 'b!', 'c!'])
    expect(lots).toEqual(['a b', 'c'])
  })

  it('is repeated one by one when it fails: only who did wrong is told', async () => {
    const { joined, lots, end } = workshop()
    const all = Promise.allSettled(['a', 'bad', 'b'].map((item) => joined.add(item)))
    for (let lot = 0; lot < 4; lot++) await end()
    const results = await all
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
      'a!',
      'Error: bad among 1',
      'b!',
    ])
    expect(lots).toEqual(['a bad b', 'a', 'bad', 'b'])
    const next = joined.add('c')
    await end()
    expect(await next).toBe('c!')
  })

  it('waits until the way is free, and takes what has come by then', async () => {
    let open = (): void => undefined
    const free = new Promise<void>((resolve) => (open = resolve))
    const lots: number[][] = []
    const joined = new Joined<number, number>({
      enter: async (work) => free.then(work),
      fits: () => true,
      run: async (lot) => {
        lots.push([...lot])
        return lot.map((item) => 2 * item)
      },
    })
    const first = joined.add(1)
    await new Promise((resolve) => setImmediate(resolve))
    const second = joined.add(2)
    open()
    expect(await Promise.all([first, second])).toEqual([2, 4])
    expect(lots).toEqual([[1, 2]])
  })
})
