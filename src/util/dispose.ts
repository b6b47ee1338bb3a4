/** Ends several lives in reverse order: what `AsyncDisposableStack` does, which Node 20 does not have. */

export class DisposeStack implements AsyncDisposable {
  #items: (Disposable | AsyncDisposable)[] = []

  /** Takes over the life of `item`. */
  use<Item extends Disposable | AsyncDisposable>(item: Item): Item {
    this.#items.push(item)
    return item
  }

  /** Hands everything to a new owner; disposing this stack then does nothing. */
  move(): DisposeStack {
    const moved = new DisposeStack()
    moved.#items = this.#items
    this.#items = []
    return moved
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let item = this.#items.pop(); item; item = this.#items.pop()) {
      if (Symbol.asyncDispose in item) await item[Symbol.asyncDispose]()
      else item[Symbol.dispose]()
    }
  }
}
