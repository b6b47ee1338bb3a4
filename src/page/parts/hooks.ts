/** Watching answers without drawing more often than anybody can read. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from '../data/answer.ts'
import type { Comparison } from '../data/comparison.ts'

/** Draws again when the answer has changed, at most every `everyMs`; the last change is never missed. */
export function useAnswer(answer: Answer | undefined, everyMs = 50): void {
  const [, setVersion] = useState(0)
  useEffect(() => {
    if (!answer) return undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let last = -Infinity
    const draw = (version: number): void => {
      last = performance.now()
      timer = undefined
      setVersion(version)
    }
    const stop = answer.version.subscribe((version) => {
      if (answer.isOpen && timer !== undefined) return
      clearTimeout(timer)
      const wait = answer.isOpen ? last + everyMs - performance.now() : 0
      timer = setTimeout(() => draw(version), Math.max(0, wait))
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [answer, everyMs])
}

/** Calls `onEscape` at the key, wherever the focus is, unless the part that has it took the key for itself. */
export function useEscape(onEscape: () => void): void {
  const newest = useRef(onEscape)
  newest.current = onEscape
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      // While a word is composed the key takes back what was composed.
      if (event.key === 'Escape' && !isComposing(event) && !event.defaultPrevented) newest.current()
    }
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
}

/** Draws again every `everyMs` while `isOn`: for clocks. */
export function useTicks(isOn: boolean, everyMs: number): void {
  const [, setTick] = useState(0)
  useEffect(() => {
    if (!isOn) return undefined
    const timer = setInterval(() => setTick((tick) => tick + 1), everyMs)
    return () => clearInterval(timer)
  }, [isOn, everyMs])
}

/** A repetition of both answers at their old speed: how far it is, undefined where none runs. */
export function useRace(comparison: Comparison | undefined): {
  readonly ms: number | undefined
  readonly start: () => void
  readonly stop: () => void
} {
  const [began, setBegan] = useState<number>()
  const ms = began === undefined ? Infinity : performance.now() - began
  const isOn = comparison !== undefined && ms < comparison.slowestMs
  useTicks(isOn, 50)
  return {
    ms: isOn ? ms : undefined,
    start: () => setBegan(performance.now()),
    stop: () => setBegan(undefined),
  }
}

/** Whether the key belongs to a word that is being composed. Safari tells its last key, which ends it, by the old code only. */
export function isComposing(event: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else tells it there
  return event.isComposing || event.keyCode === 229
}
