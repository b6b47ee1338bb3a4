/** The door to the device for layers above: they pass it on and never look inside. */
import { loadGgml } from '../ffi/index.ts'
import { Backend, type BackendOptions } from './backend.ts'

/** Starts the CPU device (or a named one) with persistent threads. Throws `library-missing`, `library-broken`, `bad-option`. */
export function openBackend(options: BackendOptions): Backend {
  return new Backend(loadGgml(), options)
}
