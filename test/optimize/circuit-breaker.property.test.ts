/** The breaker beside a naive model that keeps the whole story and works out from it what holds. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { CircuitBreaker } from "#src/optimize/balance/circuit-breaker.js";

const limits = fc.record({
  failures: fc.integer({ min: 1, max: 3 }),
  openForMs: fc.constant(100),
  maxOpenForMs: fc.constantFrom(100, 350),
  successes: fc.integer({ min: 1, max: 2 }),
});

const step = fc.oneof(
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 30, 100, 400) }),
  fc.record({ kind: fc.constant("begin" as const) }),
  fc.record({
    kind: fc.constant("end" as const),
    call: fc.nat(20),
    ended: fc.constantFrom(true, false, false, undefined),
  }),
);

interface ModelCall {
  /** How often the circuit had been opened or closed when the call began. */
  readonly era: number;
  ended: boolean;
  verdict?: boolean | undefined;
}

class Model {
  readonly limits: { failures: number; openForMs: number; maxOpenForMs: number; successes: number };
  era = 0;
  /** Verdicts of this era's calls, in the order of their ends. */
  verdicts: boolean[] = [];
  openedAt: number | undefined;
  openForMs = 0;
  trial = false;
  readonly calls: ModelCall[] = [];

  constructor(given: Model["limits"]) {
    this.limits = given;
  }

  state(now: number): "closed" | "open" | "half-open" {
    if (this.openedAt === undefined) return "closed";
    return now >= this.openedAt + this.openForMs ? "half-open" : "open";
  }

  allows(now: number): boolean {
    const state = this.state(now);
    if (state !== "half-open") return state === "closed";
    const trials = this.calls.filter(({ era }) => era === this.era);
    const going = trials.filter(({ ended }) => !ended).length;
    const good = trials.filter(({ verdict }) => verdict === true).length;
    return going + good < this.limits.successes;
  }

  begin(): ModelCall {
    const call = { era: this.era, ended: false };
    this.calls.push(call);
    return call;
  }

  end(call: ModelCall, verdict: boolean | undefined, now: number): void {
    call.ended = true;
    call.verdict = verdict;
    if (call.era !== this.era || verdict === undefined) return;
    this.verdicts.push(verdict);
    if (this.openedAt === undefined) {
      const last = this.verdicts.slice(-this.limits.failures);
      if (last.length === this.limits.failures && last.every((good) => !good)) this.open(now, this.limits.openForMs);
    } else if (!verdict) this.open(now, Math.min(this.limits.maxOpenForMs, 2 * this.openForMs));
    else if (this.verdicts.filter(Boolean).length >= this.limits.successes) {
      this.openedAt = undefined;
      this.next();
    }
  }

  open(now: number, openForMs: number): void {
    this.openedAt = now;
    this.openForMs = openForMs;
    this.next();
  }

  next(): void {
    this.era++;
    this.verdicts = [];
  }
}

it("does not count a failure of a call that began before it was opened and closed again", () => {
  const breaker = new CircuitBreaker({ failures: 1, openForMs: 100, maxOpenForMs: 100, successes: 1 });
  const [first, slow] = [breaker.begin(), breaker.begin()];
  first(false, 0);
  breaker.begin()(true, 100);
  slow(false, 110);
  expect(breaker.state(110)).toBe("closed");
});

it("does what the model does", () => {
  fc.assert(
    fc.property(limits, fc.array(step, { maxLength: 60, size: "max" }), (given, steps) => {
      const breaker = new CircuitBreaker(given);
      const model = new Model(given);
      const going: { readonly call: ModelCall; readonly end: (ended: boolean | undefined, at: number) => void }[] = [];
      let now = 1000;
      for (const each of steps) {
        if (each.kind === "pass") now += each.ms;
        else if (each.kind === "begin" && breaker.allows(now))
          going.push({ call: model.begin(), end: breaker.begin() });
        else if (each.kind === "end" && going.length > 0) {
          const [one] = going.splice(each.call % going.length, 1);
          one!.end(each.ended, now);
          model.end(one!.call, each.ended, now);
        }
        expect(breaker.state(now)).toBe(model.state(now));
        expect(breaker.allows(now)).toBe(model.allows(now));
      }
    }),
    { numRuns: 1000 },
  );
});
