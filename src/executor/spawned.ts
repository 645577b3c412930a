/**
 * Which running task waits for which tasks that it added. A task that waits is suspended, and runs on when all that it
 * waits for has ended: were it to run on at the first of several, it could hold the only slot while it waits for the rest.
 */
interface Wait {
  readonly remaining: Set<number>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export class SpawnWaits {
  readonly #waits = new Map<number, Wait[]>();
  readonly #waiters = new Map<number, Set<number>>();
  readonly #groups = new Map<number, { readonly remaining: Set<number>; readonly callback: () => void }>();

  /** Makes `parent` wait for `children`, none of which has ended. */
  wait(parent: number, children: Iterable<number>): Promise<void> {
    return new Promise((resolve, reject) => {
      const remaining = new Set(children);
      const waits = this.#waits.get(parent);
      if (waits === undefined) this.#waits.set(parent, [{ remaining, resolve, reject }]);
      else waits.push({ remaining, resolve, reject });
      for (const child of remaining) {
        const waiters = this.#waiters.get(child);
        if (waiters === undefined) this.#waiters.set(child, new Set([parent]));
        else waiters.add(parent);
      }
    });
  }

  isWaiting(parent: number): boolean {
    return this.#waits.has(parent);
  }

  /** Calls back when all of the tasks have ended. */
  whenEnded(children: readonly number[], callback: () => void): void {
    if (children.length === 0) {
      callback();
      return;
    }
    const group = { remaining: new Set(children), callback };
    for (const child of children) this.#groups.set(child, group);
  }

  /** A task has ended: gives the tasks that now wait for nothing. */
  ended(child: number): number[] {
    const group = this.#groups.get(child);
    if (group !== undefined) {
      this.#groups.delete(child);
      group.remaining.delete(child);
      if (group.remaining.size === 0) group.callback();
    }
    const waiters = this.#waiters.get(child);
    if (waiters === undefined) return [];
    this.#waiters.delete(child);
    const satisfied: number[] = [];
    for (const parent of waiters) {
      const waits = this.#waits.get(parent) ?? [];
      for (const wait of waits) wait.remaining.delete(child);
      if (waits.length > 0 && waits.every((wait) => wait.remaining.size === 0)) satisfied.push(parent);
    }
    return satisfied;
  }

  /** The task runs on: what it waited for and has ended is told to it. */
  resume(parent: number): void {
    const waits = this.#waits.get(parent) ?? [];
    const unsatisfied = waits.filter((wait) => wait.remaining.size > 0);
    if (unsatisfied.length > 0) this.#waits.set(parent, unsatisfied);
    else this.#waits.delete(parent);
    for (const wait of waits) if (wait.remaining.size === 0) wait.resolve();
  }

  /** The task's attempt is over: whatever still waits in it is told why. */
  abandon(parent: number, reason: Error): void {
    const waits = this.#waits.get(parent) ?? [];
    this.#waits.delete(parent);
    for (const wait of waits) wait.reject(reason);
  }

  get empty(): boolean {
    return this.#waiters.size === 0 && this.#groups.size === 0;
  }
}
