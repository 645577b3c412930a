/**
 * Holds memory and CPU of a sandbox where no cgroup can be made, as well as an ordinary process can: every 10 ms it
 * looks at all processes inside. Best effort, and said to be: a burst between two looks is not seen, and memory behind
 * a file descriptor alone (`memfd_create`) is not counted.
 *
 * CPU is a budget that grows by the quota's share of the time that has passed, up to one period's worth. Who has spent
 * more is stopped (SIGSTOP) until the budget is out of debt, then continued; processes that had stopped themselves are
 * left as they are.
 */
import { statfsSync } from "node:fs";
import { cpuNanosecondsOf, membersBelow, proportionalBytes, type TreeMember } from "./process-tree.js";

export interface TreeWatchLimits {
  /** `undefined`: something else holds it. */
  readonly memoryBytes: number | undefined;
  /** Microseconds per 100 ms; `undefined`: something else holds it. */
  readonly cpuQuotaMicros: number | undefined;
}

const intervalMs = 10;
const periodMicros = 100_000;

export class TreeWatch {
  peakBytes = 0;
  exceeded = false;
  readonly #root: number | readonly number[];
  readonly #limits: TreeWatchLimits;
  readonly #scratch: () => number | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #cpuByThread = new Map<string, number>();
  #cpuNanoseconds = 0;
  #budgetNanoseconds = 0;
  #lookedAt = performance.now();
  #stopped = new Set<number>();
  #onExceeded: (() => void) | undefined;

  /**
   * @param root the process whose descendants are watched, or processes that are watched with their descendants.
   * @param scratch descriptor of the scratch file system, whose files are memory too.
   */
  constructor(root: number | readonly number[], limits: TreeWatchLimits, scratch: () => number | undefined) {
    this.#root = root;
    this.#limits = limits;
    this.#scratch = scratch;
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  get cpuSeconds(): number {
    return this.#cpuNanoseconds / 1e9;
  }

  onExceeded(listener: () => void): void {
    this.#onExceeded = listener;
    if (this.exceeded) listener();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const members = membersBelow(this.#root);
    const now = performance.now();
    const elapsedMs = now - this.#lookedAt;
    this.#lookedAt = now;
    this.#holdMemory(members);
    this.#holdCpu(members, elapsedMs);
  }

  #holdMemory(members: readonly TreeMember[]): void {
    const files = this.#fileBytes();
    let used = files + members.reduce((sum, member) => sum + member.residentBytes, 0);
    const limit = this.#limits.memoryBytes ?? Number.POSITIVE_INFINITY;
    // Pages that forks share were counted for each: worth a closer look only where it matters.
    if (used > limit) used = files + members.reduce((sum, member) => sum + proportionalBytes(member.pid), 0);
    this.peakBytes = Math.max(this.peakBytes, used);
    if (used <= limit || this.exceeded) return;
    this.exceeded = true;
    this.#onExceeded?.();
  }

  #fileBytes(): number {
    const scratch = this.#scratch();
    if (scratch === undefined) return 0;
    try {
      const { blocks, bfree, bsize } = statfsSync(`/proc/self/fd/${scratch}`);
      return (blocks - bfree) * bsize;
    } catch {
      return 0;
    }
  }

  #holdCpu(members: readonly TreeMember[], elapsedMs: number): void {
    const spent = this.#countCpu(members);
    const quota = this.#limits.cpuQuotaMicros;
    if (quota === undefined) return;
    const share = quota / periodMicros;
    this.#budgetNanoseconds = Math.min(quota * 1000, this.#budgetNanoseconds + elapsedMs * 1e6 * share - spent);
    if (this.#budgetNanoseconds < 0) this.#stop(members);
    else this.#continue();
  }

  #countCpu(members: readonly TreeMember[]): number {
    let spent = 0;
    for (const { pid } of members) {
      for (const [thread, nanoseconds] of cpuNanosecondsOf(pid)) {
        spent += Math.max(0, nanoseconds - (this.#cpuByThread.get(thread) ?? 0));
        this.#cpuByThread.set(thread, nanoseconds);
      }
    }
    this.#cpuNanoseconds += spent;
    return spent;
  }

  #stop(members: readonly TreeMember[]): void {
    for (const { pid, state } of members) {
      if (state === "T" || this.#stopped.has(pid)) continue;
      if (trySignal(pid, "SIGSTOP")) this.#stopped.add(pid);
    }
  }

  #continue(): void {
    for (const pid of this.#stopped) trySignal(pid, "SIGCONT");
    this.#stopped.clear();
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
