/**
 * Values by the digest of their bytes: `put` gives a reference, `load` the value. Each machine keeps copies in a folder;
 * a value is fetched once by a machine, whoever asks and however often at the same time. What does it is loaded with the first value.
 */
import { FirstUse } from "../../../model/first-use.js";
import type { OpenStore } from "./open-store.js";
import { checkDataOptions, type DataOptions } from "./options.js";
import type { DataReference } from "./reference.js";

/**
 * Large values by the digest of their bytes, with copies on this machine.
 *
 * @example needs the folder of a cluster
 * const store = new DataStore({ kind: "file", folder: "/srv/values" });
 * const read = (output: unknown) => (isDataReference(output) ? store.load(output) : output);
 */
export class DataStore {
  readonly #open: FirstUse<OpenStore>;
  /** Values that came from the bucket, and their bytes. */
  readonly moved = { values: 0, bytes: 0 };

  constructor(options: DataOptions) {
    const checked = checkDataOptions(options);
    this.#open = new FirstUse(async () => new (await import("./open-store.js")).OpenStore(checked, this.moved));
  }

  /** Keeps bytes and gives the reference to them; the same bytes are kept once. */
  put(bytes: Buffer): Promise<DataReference> {
    return this.#open.use((store) => store.put(bytes));
  }

  /** The value. Rejects where the store has it not, or has other bytes under its name. */
  load(reference: DataReference): Promise<unknown> {
    return this.#open.use((store) => store.load(reference));
  }
}
