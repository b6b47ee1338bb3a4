/** Begins the page. */
import { render } from 'preact'
import { Store } from './data/store.ts'
import { App } from './parts/app.tsx'

const place = document.getElementById('page')
if (place) {
  place.replaceChildren()
  render(<App store={new Store()} />, place)
}
