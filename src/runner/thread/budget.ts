/**
 * The number of threads that several pools share. A pool that may not make one waits; whoever has an idle thread while
 * another pool waits gives it up.
 */
export interface BudgetMember {
  /** Ends one idle thread, if there is one. */
  giveUpIdle(): boolean;
  /** A thread may be had now. */
  budgetFreed(): void;
}

export class ThreadBudget {
  readonly #maximum: number;
  #used = 0;
  readonly #members = new Set<BudgetMember>();
  readonly #waiting = new Set<BudgetMember>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member);
    this.#waiting.delete(member);
  }

  /** Whether somebody else waits for a thread. */
  wantedBeside(member: BudgetMember): boolean {
    return this.#waiting.size > (this.#waiting.has(member) ? 1 : 0);
  }

  /** One thread more; `false` where there is none to be had now. */
  take(member: BudgetMember): boolean {
    if (this.#used < this.#maximum) {
      this.#used++;
      this.#waiting.delete(member);
      return true;
    }
    this.#waiting.add(member);
    for (const other of this.#members) if (other !== member && other.giveUpIdle()) break;
    return false;
  }

  give(): void {
    this.#used--;
    // Those who have no use for it any more decline by taking nothing.
    for (const member of [...this.#waiting]) {
      if (this.#used >= this.#maximum) return;
      this.#waiting.delete(member);
      member.budgetFreed();
    }
  }
}
