/** What stands behind a public class and is loaded when it is first used, so that an import alone does not pay for it. */

/** @typeParam Thing what is made, and closed with its owner where it was made and can be */
export class FirstUse<Thing extends object> {
  readonly #make: () => Promise<Thing>;
  #making: Promise<Thing> | undefined;
  #made: Thing | undefined;
  #closed: Promise<void> | undefined;

  constructor(make: () => Promise<Thing>) {
    this.#make = make;
  }

  /** The thing, where it was made. */
  get made(): Thing | undefined {
    return this.#made;
  }

  /** Hands the thing on: at once where it was made. Who comes first is served first. */
  use<Value>(use: (thing: Thing) => Promise<Value>): Promise<Value> {
    return this.#made === undefined ? this.get().then(use) : use(this.#made);
  }

  get(): Promise<Thing> {
    this.#making ??= this.#begin(this.#closed !== undefined);
    return this.#making;
  }

  /** Closes the thing when it has served all that have come. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#making === undefined ? Promise.resolve() : this.#making.then(end);
    return this.#closed;
  }

  async #begin(wasClosed: boolean): Promise<Thing> {
    try {
      const thing = await this.#make();
      // It refuses what comes after the end as if it had been used before.
      if (wasClosed) await end(thing);
      this.#made = thing;
      return thing;
    } catch (error) {
      // What could not be loaded once, for want of descriptors say, may be loaded when it is used again.
      this.#making = undefined;
      throw error;
    }
  }
}

async function end(thing: { close?(): Promise<void> }): Promise<void> {
  await thing.close?.();
}
