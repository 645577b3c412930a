/** Makes, checks and ends resources by the caller's functions, each within its time. */
import { asError } from "../../model/error.js";
import { formatDurationMs } from "../../model/units.js";
import type { Clock } from "../../port/clock.js";
import type { CheckedPool, ResourcePoolOptions } from "./options.js";
import { withTimeLimit } from "./time-limit.js";

export class ResourceMaker<Resource> {
  readonly #options: ResourcePoolOptions<Resource>;
  readonly #checked: CheckedPool;
  readonly #clock: Clock;
  readonly #endFailed: (error: Error) => void;

  constructor(
    options: ResourcePoolOptions<Resource>,
    checked: CheckedPool,
    clock: Clock,
    endFailed: (error: Error) => void,
  ) {
    this.#options = options;
    this.#checked = checked;
    this.#clock = clock;
    this.#endFailed = endFailed;
  }

  /** Whether there is anything to ask about a resource. */
  get checks(): boolean {
    return this.#options.check !== undefined;
  }

  /** A new resource. Rejects when the controller is aborted, and aborts it when it takes too long; what comes later is ended. */
  async make(controller: AbortController): Promise<Resource> {
    const { signal } = controller;
    const { createTimeoutMs } = this.#checked;
    const making = Promise.resolve().then(() => this.#options.create({ signal }));
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    );
    const tooLong = (): Error => {
      const error = new Error(`create took longer than ${formatDurationMs(createTimeoutMs)} (createTimeout)`);
      controller.abort(error);
      return error;
    };
    try {
      return await withTimeLimit(Promise.race([making, aborted]), createTimeoutMs, this.#clock, tooLong);
    } catch (error) {
      making.then((resource) => this.end(resource)).catch(() => undefined);
      throw error;
    }
  }

  /** Whether a resource is still good: a throw and an answer that is late are a no. */
  async isGood(resource: Resource): Promise<boolean> {
    const { check } = this.#options;
    const asked = Promise.resolve().then(() => check?.(resource) ?? true);
    try {
      return await withTimeLimit(asked, this.#checked.checkTimeoutMs, this.#clock, () => new Error("too late"));
    } catch {
      return false;
    }
  }

  /** Never rejects. */
  async end(resource: Resource): Promise<void> {
    const { destroy } = this.#options;
    if (destroy === undefined) return;
    const { destroyTimeoutMs } = this.#checked;
    const tooLong = (): Error =>
      new Error(`destroy took longer than ${formatDurationMs(destroyTimeoutMs)} (destroyTimeout)`);
    const ending = Promise.resolve().then(() => destroy(resource));
    try {
      await withTimeLimit(ending, destroyTimeoutMs, this.#clock, tooLong);
    } catch (thrown) {
      this.#endFailed(asError(thrown));
    }
  }
}
