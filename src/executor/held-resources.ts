/** The resources that an attempt uses: taken before its clock starts, given back at its end whatever that is. */
import { asError } from "../model/error.js";
import type { AcquireOptions, Lease, ResourceSource, ResourceSources } from "../model/pool.js";
import type { Inputs } from "../model/work.js";

/** One order for all attempts, so that no two wait for what the other holds. */
const orders = new WeakMap<ResourceSource<unknown>, number>();
let count = 0;

function orderOf(source: ResourceSource<unknown>): number {
  let order = orders.get(source);
  if (order === undefined) {
    order = count++;
    orders.set(source, order);
  }
  return order;
}

export class HeldResources {
  readonly #leases: Lease<unknown>[] = [];

  /** Takes one of each source, by name. Where one cannot be had, those taken are given back. */
  async acquire(sources: ResourceSources, options: AcquireOptions): Promise<Inputs> {
    const wanted = Object.entries(sources).sort(([, left], [, right]) => orderOf(left) - orderOf(right));
    const resources: Record<string, unknown> = {};
    try {
      for (const [name, source] of wanted) {
        const lease = await source.acquire(options);
        this.#leases.push(lease);
        resources[name] = lease.resource;
        options.signal?.throwIfAborted();
      }
    } catch (error) {
      this.giveBack("release");
      throw error;
    }
    return resources;
  }

  /** `"destroy"` where the attempt's code may go on using them. */
  giveBack(how: "release" | "destroy"): void {
    for (const lease of this.#leases.splice(0))
      lease[how]().catch((thrown: unknown) =>
        process.emitWarning(`a resource was not given back: ${asError(thrown).message}`),
      );
  }
}
