/**
 * Values by the digest of their bytes: `put` gives a reference, `load` the value. Each machine keeps copies in a folder;
 * a value is fetched once by a machine, whoever asks and however often at the same time. What does it is loaded with the first value.
 */
import type { OpenStore } from "./open-store.js";
import { type CheckedDataOptions, checkDataOptions, type DataOptions } from "./options.js";
import type { DataReference } from "./reference.js";

/**
 * Large values by the digest of their bytes, with copies on this machine.
 *
 * @example needs the folder of a cluster
 * const store = new DataStore({ kind: "file", folder: "/srv/values" });
 * const read = (output: unknown) => (isDataReference(output) ? store.load(output) : output);
 */
export class DataStore {
  readonly #checked: CheckedDataOptions;
  #open: Promise<OpenStore> | undefined;
  /** Values that came from the bucket, and their bytes. */
  readonly moved = { values: 0, bytes: 0 };

  constructor(options: DataOptions) {
    this.#checked = checkDataOptions(options);
  }

  /** Keeps bytes and gives the reference to them; the same bytes are kept once. */
  async put(bytes: Buffer): Promise<DataReference> {
    return (await this.#store()).put(bytes);
  }

  /** The value. Rejects where the store has it not, or has other bytes under its name. */
  async load(reference: DataReference): Promise<unknown> {
    return (await this.#store()).load(reference);
  }

  #store(): Promise<OpenStore> {
    this.#open ??= this.#load();
    return this.#open;
  }

  async #load(): Promise<OpenStore> {
    try {
      const { OpenStore } = await import("./open-store.js");
      return new OpenStore(this.#checked, this.moved);
    } catch (error) {
      // What could not be loaded once, for want of descriptors say, may be loaded when it is used again.
      this.#open = undefined;
      throw error;
    }
  }
}
