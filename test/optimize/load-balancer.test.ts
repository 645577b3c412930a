import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LoadBalancer } from "#src/optimize/balance/load-balancer.js";
import { rendezvousScore } from "#src/optimize/balance/rendezvous.js";
import type { BalanceStrategy } from "#src/optimize/balance/strategies.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

const abc = ["a", "b", "c"].map((id) => ({ id, target: id }));

function balancer(
  strategy: BalanceStrategy,
  endpoints: readonly { id: string; target: string; weight?: number }[] = abc,
) {
  const clock = new SimulatedClock();
  return { clock, balancer: new LoadBalancer({ strategy, endpoints }, { clock, random: seededRandom(7) }) };
}

async function targetsOf(calls: number, run: () => Promise<string>): Promise<string> {
  const targets = [];
  for (let call = 0; call < calls; call++) targets.push(await run());
  return targets.join("");
}

describe("strategies", () => {
  test("round-robin takes each in turn", async () => {
    const { balancer: each } = balancer("round-robin");
    expect(await targetsOf(7, () => each.run((target) => target))).toBe("abcabca");
  });

  test("weighted mixes endpoints evenly in proportion to their weights", async () => {
    const { balancer: each } = balancer("weighted", [
      { id: "a", target: "a", weight: 5 },
      { id: "b", target: "b" },
      { id: "c", target: "c" },
    ]);
    expect(await targetsOf(14, () => each.run((target) => target))).toBe("aabacaaaabacaa");
  });

  test("least-loaded keeps calls in flight even, for their weights", async () => {
    const { balancer: each } = balancer("least-loaded", [
      { id: "a", target: "a", weight: 2 },
      { id: "b", target: "b" },
    ]);
    for (let call = 0; call < 300; call++) void each.run(() => new Promise(() => undefined));
    expect(each.endpoints.map(({ inFlight }) => inFlight)).toEqual([200, 100]);
  });

  test("two-choices is nearly as even, and never far off", async () => {
    const endpoints = Array.from({ length: 10 }, (_, index) => ({ id: `${index}`, target: `${index}` }));
    const { balancer: each } = balancer("two-choices", endpoints);
    for (let call = 0; call < 1000; call++) void each.run(() => new Promise(() => undefined));
    const loads = each.endpoints.map(({ inFlight }) => inFlight);
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThan(10);
  });

  test("latency keeps to the quick ones, also when they have calls in flight, and tries the slow one again some day", async () => {
    const { clock, balancer: each } = balancer("latency");
    const took = new Map([
      ["a", 10],
      ["b", 10],
      ["c", 100],
    ]);
    const call = () =>
      each.run((target) => new Promise<void>((resolve) => void clock.schedule(took.get(target)!, resolve)));
    const load = async () => {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let count = 0; count < 50; count++) await call();
        }),
      );
    };
    await clock.runUntil(load());
    const calls = each.endpoints.map((endpoint) => endpoint.calls);
    expect(calls[0]! + calls[1]!).toBeGreaterThan(390);
    expect(Math.abs(calls[0]! - calls[1]!)).toBeLessThan(60);
    expect(calls[2]).toBeGreaterThan(0);
    // It has become quick, and gets its share when it has been tried.
    took.set("c", 10);
    await clock.advance(60_000);
    await clock.runUntil(load());
    expect(each.endpoints[2]!.calls - calls[2]!).toBeGreaterThan(60);
  });
});

test("latency: one endpoint ten times slower hardly shows in the 99th percentile, stalls of the others included", async () => {
  const p99 = async (ids: readonly string[]): Promise<number> => {
    const clock = new SimulatedClock();
    const random = seededRandom(11);
    const endpoints = ids.map((id) => ({ id, target: id === "slow" ? 100 : 10 }));
    const each = new LoadBalancer({ strategy: "latency", endpoints }, { clock, random });
    const latencies: number[] = [];
    const callers = Array.from({ length: 16 }, async () => {
      for (let count = 0; count < 125; count++) {
        const startedAt = clock.now();
        await each.run((ms) => {
          const stall = random() < 0.005 ? 5 : 1;
          return new Promise<void>((resolve) => void clock.schedule(ms * (0.8 + 0.4 * random()) * stall, resolve));
        });
        latencies.push(clock.now() - startedAt);
      }
    });
    await clock.runUntil(Promise.all(callers));
    return latencies.sort((left, right) => left - right)[Math.ceil(latencies.length * 0.99) - 1]!;
  };
  expect(await p99(["fast", "quick", "slow"])).toBeLessThan(1.5 * (await p99(["fast", "quick"])));
});

describe("sticky keys", () => {
  test("stay where they are; when an endpoint goes, only its own move", async () => {
    const { balancer: each } = balancer(
      "round-robin",
      ["a", "b", "c", "d"].map((id) => ({ id, target: id })),
    );
    const placeOf = (key: number) => each.run((target) => target, { stickyKey: `customer-${key}` });
    const keys = Array.from({ length: 400 }, (_, key) => key);
    const before = await Promise.all(keys.map(placeOf));
    expect(await Promise.all(keys.map(placeOf))).toEqual(before);
    each.remove("c");
    const after = await Promise.all(keys.map(placeOf));
    for (const key of keys) {
      if (before[key] !== "c") expect(after[key]).toBe(before[key]);
      else expect(after[key]).not.toBe("c");
    }
  });

  test("are shared out by weight", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(1e6), (weight, seed) => {
        const keys = 3000;
        let heavy = 0;
        for (let key = 0; key < keys; key++) {
          const [left, right] = [
            rendezvousScore(`${seed}/${key}`, "x", weight),
            rendezvousScore(`${seed}/${key}`, "y", 1),
          ];
          if (left > right) heavy++;
        }
        expect(Math.abs(heavy / keys - weight / (weight + 1))).toBeLessThan(0.06);
      }),
      { numRuns: 40 },
    );
  });
});

describe("failures", () => {
  const failing = (bad: string) => (target: string) => {
    if (target === bad) throw new Error(`${target} is down`);
    return target;
  };

  test("are tried elsewhere when told that it is safe, and otherwise not", async () => {
    const { balancer: each } = balancer("round-robin");
    await expect(each.run(failing("a"))).rejects.toThrow("a is down");
    each.remove("b");
    const attempts: number[] = [];
    const answer = await Promise.all(
      [1, 2, 3].map(() =>
        each.run(
          (target, { attempt }) => {
            attempts.push(attempt);
            return failing("a")(target);
          },
          { retries: 1 },
        ),
      ),
    );
    expect(answer).toEqual(["c", "c", "c"]);
    expect(Math.max(...attempts)).toBe(2);
  });

  test("open the circuit, which is tried again after its time, and then for twice as long", async () => {
    const clock = new SimulatedClock();
    const each = new LoadBalancer<string>(
      { endpoints: [{ id: "a", target: "a" }], circuitBreaker: { failures: 2, openFor: "1s" } },
      { clock },
    );
    const call = () => each.run(failing("a"));
    for (let count = 0; count < 2; count++) await expect(call()).rejects.toThrow("a is down");
    await expect(call()).rejects.toMatchObject({
      code: "NO_ENDPOINT",
      message: "the balancer has no endpoint to call; all have failed too often: a is tried again in 1s",
    });
    await clock.advance(1000);
    expect(each.endpoints[0]!.circuit).toBe("half-open");
    await expect(call()).rejects.toThrow("a is down");
    await clock.advance(1999);
    await expect(call()).rejects.toMatchObject({ code: "NO_ENDPOINT" });
    await clock.advance(1);
    expect(await each.run((target) => target)).toBe("a");
    expect(each.endpoints[0]).toMatchObject({ circuit: "closed", calls: 4, failures: 3 });
  });

  test("that say nothing about the endpoint do not count", async () => {
    const each = new LoadBalancer<string>({
      endpoints: [{ id: "a", target: "a" }],
      circuitBreaker: { failures: 1 },
      isFailure: (error) => !error.message.includes("not found"),
    });
    const call = () =>
      each.run(() => {
        throw new Error("not found");
      });
    for (let count = 0; count < 3; count++) await expect(call()).rejects.toThrow("not found");
    const controller = new AbortController();
    const cut = each.run(
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      {
        signal: controller.signal,
        retries: 3,
      },
    );
    controller.abort(new Error("changed my mind"));
    await expect(cut).rejects.toThrow("changed my mind");
    expect(each.endpoints[0]).toMatchObject({ circuit: "closed", failures: 0 });
  });

  test("keep a sticky key away only as long as its endpoint cannot be called", async () => {
    const clock = new SimulatedClock();
    const each = new LoadBalancer<string>(
      { endpoints: abc, circuitBreaker: { failures: 1, openFor: "1s" } },
      { clock },
    );
    const home = await each.run((target) => target, { stickyKey: "k" });
    await expect(each.run(failing(home), { stickyKey: "k" })).rejects.toThrow("is down");
    const elsewhere = await each.run((target) => target, { stickyKey: "k" });
    expect(elsewhere).not.toBe(home);
    await clock.advance(1000);
    expect(await each.run((target) => target, { stickyKey: "k" })).toBe(home);
  });
});

test("says what is wrong with its options and endpoints", () => {
  expect(() => new LoadBalancer({ strategy: "fastest" as never })).toThrow('strategy: takes one of "round-robin"');
  expect(() => new LoadBalancer({ circuitBreaker: { failures: 0 } })).toThrow(
    "circuitBreaker.failures: takes an integer",
  );
  expect(() => new LoadBalancer({ endpoints: [...abc, abc[0]!] })).toThrow('id: "a" is the id of another endpoint');
});
