/**
 * Server-sent events. Events are handed over as they come, whether or not the reader keeps up: a reader that stalls must
 * not hold a sequence of the engine. What waits for it is bounded by the length of one answer.
 */

/** Sends one event with this JSON value. */
export type Send = (value: unknown) => void

/**
 * The response whose events `write` sends; it ends with `[DONE]`, as OpenAI's do. `write` answers its own errors. `onLeave` is
 * called when the reader goes away before the end.
 */
export function eventStream(write: (send: Send) => Promise<void>, onLeave: () => void): Response {
  const encoder = new TextEncoder()
  let open = true
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const sendLine = (data: string): void => {
        if (open) controller.enqueue(encoder.encode(`data: ${data}\n\n`))
      }
      void write((value) => sendLine(JSON.stringify(value))).then(() => {
        sendLine('[DONE]')
        if (open) controller.close()
        open = false
      })
    },
    cancel() {
      open = false
      onLeave()
    },
  })
  return new Response(stream, {
    headers: {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      // nginx collects answers before it passes them on, unless told not to.
      'X-Accel-Buffering': 'no',
    },
  })
}
