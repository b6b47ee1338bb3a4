/** The frame of the page: which view is shown, the model's name, the theme, and what is wrong. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Store } from '../data/store.ts'
import { capital } from '../data/words.ts'
import { Chat } from './chat.tsx'
import { Compare } from './compare.tsx'
import { focusQuestion } from './focus.ts'
import { remember, remembered } from './memory.ts'
import { Replay } from './replay.tsx'
import { StoreContext } from './store-context.ts'

/** The page. */
export function App({ store }: { readonly store: Store }): ComponentChildren {
  const [view, setView] = useState(viewOf(location.hash))
  useEffect(() => {
    const change = (): void => setView(viewOf(location.hash))
    window.addEventListener('hashchange', change)
    void store.connect()
    return () => window.removeEventListener('hashchange', change)
  }, [store])
  return (
    <StoreContext.Provider value={store}>
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <header class="top">
        <h1>
          <Sign /> heterospec
        </h1>
        <nav aria-label="Views">
          {Object.entries(views).map(([name, words]) => (
            <a key={name} href={`#${name}`} aria-current={name === view ? 'page' : undefined}>
              {words}
            </a>
          ))}
        </nav>
        <span class="model" title="The model of this server">
          {store.about.value?.name}
        </span>
        <ThemeButton />
      </header>
      {store.needsKey.value ? <KeyForm store={store} /> : <Problem store={store} />}
      <Notes store={store} />
      <main id="main" tabIndex={-1}>
        {view === 'chat' && <Chat />}
        {view === 'compare' && <Compare />}
        {view === 'replay' && <Replay />}
      </main>
      <p class="unseen" role="status" aria-live="polite">
        {store.announcement.value}
      </p>
    </StoreContext.Provider>
  )
}

// ---------------------------------------------------------------------------------------------------------------

const views = { chat: 'Chat', compare: 'Side by side', replay: 'Replay' } as const

type View = keyof typeof views

function viewOf(hash: string): View {
  const name = hash.slice(1)
  return name in views ? (name as View) : 'chat'
}

/** The address stays: it names the view. */
function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function Sign(): ComponentChildren {
  return (
    <svg width="26" height="22" viewBox="4 4 24 22" aria-hidden="true">
      <g fill="none" stroke-width="2.5" stroke-linecap="round">
        <path class="sign-on" d="M8 16h5l5-7h6" />
        <path class="sign-off" d="M13 16h11M13 16l5 7h6" />
      </g>
    </svg>
  )
}

/** Light, dark, or as the system is. */
function ThemeButton(): ComponentChildren {
  const [theme, setTheme] = useState(themeOf(remembered('theme')))
  useEffect(() => {
    remember('theme', theme)
    if (theme === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
  }, [theme])
  const next = { system: 'light', light: 'dark', dark: 'system' } as const
  return (
    <button type="button" class="small theme" onClick={() => setTheme(next[theme])}>
      Theme: {themes[theme]}
    </button>
  )
}

const themes = { system: 'as the system', light: 'light', dark: 'dark' } as const

function themeOf(name: string | undefined): keyof typeof themes {
  return name === 'light' || name === 'dark' ? name : 'system'
}

function Problem({ store }: { readonly store: Store }): ComponentChildren {
  if (store.problem.value === '') return null
  return (
    <p class="alarm strip" role="alert">
      {capital(store.problem.value)}{' '}
      <button type="button" class="small" onClick={() => void connect(store)}>
        Try again
      </button>
    </p>
  )
}

/** What is to be known of a model that was not made for conversations. */
function Notes({ store }: { readonly store: Store }): ComponentChildren {
  const embeds = store.about.value?.embeds === true
  if (store.chats && !embeds) return null
  return (
    <aside class="strip about" aria-label="About the model">
      {embeds && (
        <p>
          This model was made for vectors (<code>/v1/embeddings</code>), not to write: what it answers here may mean
          little.
        </p>
      )}
      {!store.chats && <p>This model has no chat template: it goes on with your text instead of answering it.</p>}
    </aside>
  )
}

/** The strip that asked for it goes when it works, and the focus with it. */
async function connect(store: Store): Promise<void> {
  await store.connect()
  if (store.problem.value === '') focusQuestion()
}

function KeyForm({ store }: { readonly store: Store }): ComponentChildren {
  const [key, setKey] = useState('')
  return (
    <form
      class="strip key"
      aria-label="API key"
      onSubmit={(event) => {
        event.preventDefault()
        store.api.key = key
        void connect(store)
      }}
    >
      <label>
        This server wants an API key{' '}
        <input type="password" autocomplete="off" value={key} onInput={(event) => setKey(event.currentTarget.value)} />
      </label>{' '}
      <button type="submit" class="small">
        Use it
      </button>
      {store.refusedKey.value && (
        <p class="alarm" role="alert">
          The server did not take this key.
        </p>
      )}
    </form>
  )
}
