import { describe, expect, it } from 'vitest'
import { nearestName } from './nearest.ts'

describe('nearestName', () => {
  it('finds a slip of the keyboard and leaves other words alone', () => {
    expect(nearestName('doctro', ['doctor', 'run'])).toBe('doctor')
    expect(nearestName('elephant', ['doctor', 'run'])).toBeUndefined()
    expect(nearestName('x', [])).toBeUndefined()
  })
})
