/** Begins the page. */
import { effect } from '@preact/signals'
import { render } from 'preact'
import { readSettings } from './data/settings.ts'
import { Store } from './data/store.ts'
import { App } from './parts/app.tsx'
import { remember, remembered } from './parts/memory.ts'

const place = document.getElementById('page')
if (place) {
  const store = new Store(readSettings(remembered('settings')))
  effect(() => remember('settings', JSON.stringify(store.settings.value)))
  place.replaceChildren()
  render(<App store={store} />, place)
}
