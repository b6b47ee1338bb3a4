/** Hands the page's state to its parts. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Store } from '../data/store.ts'

/** Set once, around the whole page. */
export const StoreContext = createContext<Store | undefined>(undefined)

/** The page's state. */
export function useStore(): Store {
  const store = useContext(StoreContext)
  if (!store) throw new Error('internal: a part stands outside of the page')
  return store
}
