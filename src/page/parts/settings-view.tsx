/** Settings of a conversation: system prompt, sampling, speculation. They hold from the next answer on. */
import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import {
  budgets,
  defaultSettings,
  hasBudget,
  isDefault,
  isWithin,
  limits,
  limitWords,
  methods,
  type Limits,
  type Settings,
  type Speculation,
} from '../data/settings.ts'
import { useStore } from './store-context.ts'

/** The form of all settings. */
export function SettingsView(props: {
  readonly settings: Settings
  readonly onChange: (settings: Settings) => void
}): ComponentChildren {
  const { settings, onChange } = props
  const set = (part: Partial<Settings>): void => onChange({ ...settings, ...part })
  return (
    <form class="settings" aria-label="Settings" onSubmit={(event) => event.preventDefault()}>
      <fieldset>
        <legend>Speculation</legend>
        <SpeculationView speculation={settings.speculation} onChange={(speculation) => set({ speculation })} />
        <p class="quiet">Changes the speed, never the text.</p>
      </fieldset>
      <SamplingView settings={settings} set={set} />
      <fieldset>
        <legend>System prompt</legend>
        <textarea
          aria-label="System prompt"
          rows={4}
          value={settings.system}
          placeholder="none"
          onInput={(event) => set({ system: event.currentTarget.value })}
        />
      </fieldset>
      <button
        type="button"
        class="small"
        disabled={isDefault(settings)}
        title="This browser remembers the settings"
        onClick={() => onChange(defaultSettings)}
      >
        Back to the defaults
      </button>
    </form>
  )
}

/** Drafter and budget. */
export function SpeculationView(props: {
  readonly speculation: Speculation
  readonly onChange: (speculation: Speculation) => void
}): ComponentChildren {
  const { speculation, onChange } = props
  const store = useStore()
  return (
    <>
      <Choice
        label="Drafter"
        value={speculation.method}
        options={methods}
        isOffered={(method) => store.offers(method)}
        onChange={(method) => onChange({ ...speculation, method })}
      />
      <Choice
        label="Budget"
        value={hasBudget(speculation) ? speculation.budget : 'server'}
        options={budgets}
        disabled={!hasBudget(speculation)}
        onChange={(budget) => onChange({ ...speculation, budget })}
      />
      <NumberField
        label="Nodes"
        value={speculation.nodes}
        limit={limits.nodes}
        disabled={!hasBudget(speculation) || speculation.budget !== 'fixed'}
        onChange={(nodes) => onChange({ ...speculation, nodes: nodes ?? 8 })}
      />
    </>
  )
}

// ---------------------------------------------------------------------------------------------------------------

function SamplingView(props: {
  readonly settings: Settings
  readonly set: (part: Partial<Settings>) => void
}): ComponentChildren {
  const { settings, set } = props
  return (
    <fieldset>
      <legend>Sampling</legend>
      <NumberField
        label="Temperature"
        value={settings.temperature}
        limit={limits.temperature}
        onChange={(temperature) => set({ temperature: temperature ?? 0 })}
      />
      <NumberField label="Top-p" value={settings.topP} limit={limits.topP} onChange={(topP) => set({ topP })} />
      <NumberField label="Top-k" value={settings.topK} limit={limits.topK} onChange={(topK) => set({ topK })} />
      <NumberField label="Seed" value={settings.seed} limit={limits.seed} onChange={(seed) => set({ seed })} />
      <NumberField
        label="Most tokens"
        value={settings.maxTokens}
        limit={limits.maxTokens}
        onChange={(maxTokens) => set({ maxTokens })}
      />
    </fieldset>
  )
}

function Choice<Key extends string>(props: {
  readonly label: string
  readonly value: Key
  readonly options: Readonly<Record<Key, string>>
  readonly disabled?: boolean
  /** False for options that cannot be chosen here; default: all can. */
  readonly isOffered?: (key: Key) => boolean
  readonly onChange: (value: Key) => void
}): ComponentChildren {
  const id = useId()
  const { label, value, options, disabled = false, isOffered = () => true, onChange } = props
  const keys = Object.keys(options) as Key[]
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.value as Key)}
      >
        {keys.map((key) => (
          <option key={key} value={key} disabled={!isOffered(key)}>
            {options[key]}
            {!isOffered(key) && ' (not loaded)'}
          </option>
        ))}
      </select>
    </div>
  )
}

/**
 * An empty field is no number: the server's own. What is typed counts when the field is left: half a number ("0.") is none yet.
 * What the server would refuse stays in the field with a word about it, and does not count.
 */
function NumberField(props: {
  readonly label: string
  readonly value: number | undefined
  readonly limit: Limits
  readonly disabled?: boolean
  readonly onChange: (value: number | undefined) => void
}): ComponentChildren {
  const id = useId()
  const { label, value, limit, disabled = false, onChange } = props
  // Until the value is set in another way.
  const [wrong, setWrong] = useState<{ readonly text: string; readonly value: number | undefined }>()
  const isWrong = wrong !== undefined && wrong.value === value && !disabled
  const read = (field: HTMLInputElement): void => {
    const next = field.value === '' ? undefined : Number(field.value)
    const isRight = !field.validity.badInput && (next === undefined || isWithin(limit, next))
    setWrong(isRight ? undefined : { text: field.value, value })
    if (isRight) onChange(next)
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        value={isWrong ? wrong.text : (value ?? '')}
        placeholder="server’s"
        min={limit.min}
        max={limit.max}
        step={limit.step}
        disabled={disabled}
        aria-invalid={isWrong}
        aria-describedby={isWrong ? `${id}-wrong` : undefined}
        onChange={(event) => read(event.currentTarget)}
        onInput={(event) => isWrong && read(event.currentTarget)}
      />
      {isWrong && (
        <p class="wrong" id={`${id}-wrong`} role="alert">
          Not used: expected {limitWords(limit)}
        </p>
      )}
    </div>
  )
}
