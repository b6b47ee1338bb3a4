/** Files to and from the reader's machine; nothing of them goes to the server. */

/** Offers a text as a download. */
export function saveFile(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // The download has its own hold on the text by then.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
