/** Whatever is acquired, broken, slow or given up: never more than `max`, nobody forgotten, everything destroyed at the end. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ResourcePool } from "#src/optimize/pool/resource-pool.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

const maybe = <Value>(...values: readonly Value[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 5 });

const history = fc.record({
  max: fc.integer({ min: 1, max: 4 }),
  min: fc.integer({ min: 0, max: 1 }),
  maxUses: maybe(1, 3),
  maxLifetimeMs: maybe(40),
  idleTimeoutMs: fc.constantFrom(10, 1000),
  checked: fc.boolean(),
  createMs: fc.constantFrom(0, 5, 200),
  destroyMs: fc.constantFrom(0, 8),
  /** Which creations fail, in turn. */
  failing: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  acquirers: fc.array(
    fc.record({
      gapMs: fc.constantFrom(0, 0, 2, 30),
      holdMs: fc.constantFrom(0, 4, 15),
      priority: fc.constantFrom(0, 0, 2),
      affinity: maybe("a", "b"),
      giveUpAfterMs: maybe(0, 3, 20),
      ends: fc.constantFrom("release", "release", "destroy", "dispose", "twice"),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  closeAtMs: maybe(5, 25, 60),
});

it("never has more than max, forgets nobody, and destroys everything in the end", async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const clock = new SimulatedClock();
      const pause = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
      const alive = new Set<number>();
      const inUse = new Set<number>();
      let places = 0;
      let mostPlaces = 0;
      let made = 0;
      const { max, min, maxUses, maxLifetimeMs, failing } = given;
      const pool = new ResourcePool<number>(
        {
          max,
          min,
          idleTimeout: given.idleTimeoutMs / 1000,
          createTimeout: 0.1,
          ...(maxUses === undefined ? {} : { maxUses }),
          ...(maxLifetimeMs === undefined ? {} : { maxLifetime: maxLifetimeMs / 1000 }),
          ...(given.checked ? { check: (resource: number) => resource % 3 !== 2 || pause(1).then(() => false) } : {}),
          create: async ({ signal }) => {
            const number = ++made;
            mostPlaces = Math.max(mostPlaces, ++places);
            try {
              await Promise.race([pause(given.createMs), aborted(signal)]);
              if (failing[number % failing.length]) throw new Error("no luck");
            } catch (error) {
              places--;
              throw error;
            }
            alive.add(number);
            return number;
          },
          destroy: async (resource) => {
            expect(inUse.has(resource)).toBe(false);
            await pause(given.destroyMs);
            expect(alive.delete(resource)).toBe(true);
            places--;
          },
          onWarning: () => undefined,
        },
        { clock },
      );
      const ends: string[] = given.acquirers.map(() => "forgotten");
      let at = 0;
      given.acquirers.forEach(({ gapMs, holdMs, priority, affinity, giveUpAfterMs, ends: how }, number) => {
        at += gapMs;
        clock.schedule(at, async () => {
          const controller = new AbortController();
          if (giveUpAfterMs !== undefined) clock.schedule(giveUpAfterMs, () => controller.abort(new Error("given up")));
          try {
            const { signal } = controller;
            const options = { priority, signal, holder: `acquirer ${number}` };
            const lease = await pool.acquire(affinity === undefined ? options : { ...options, affinity });
            expect(inUse.has(lease.resource)).toBe(false);
            expect(alive.has(lease.resource)).toBe(true);
            inUse.add(lease.resource);
            await pause(holdMs);
            inUse.delete(lease.resource);
            if (how === "dispose") await lease[Symbol.asyncDispose]();
            else await lease[how === "destroy" ? "destroy" : "release"]();
            if (how === "twice") await lease.release();
            ends[number] = "served";
          } catch (error) {
            ends[number] = (error as { code?: string }).code ?? (error as Error).message;
          }
        });
      });
      let closing: Promise<void> | undefined;
      if (given.closeAtMs !== undefined) {
        clock.schedule(given.closeAtMs, () => {
          closing = pool.close();
        });
      }
      await clock.advance(at + 20_000);
      for (const [number, end] of ends.entries()) {
        const { giveUpAfterMs } = given.acquirers[number]!;
        const fitting = ["served", "RESOURCE_FAILED"];
        if (giveUpAfterMs !== undefined) fitting.push("given up");
        if (given.closeAtMs !== undefined) fitting.push("QUEUE_CLOSED");
        expect(fitting).toContain(end);
      }
      await clock.runUntil(closing ?? pool.close());
      expect(mostPlaces).toBeLessThanOrEqual(max);
      expect([...alive]).toEqual([]);
      expect(pool.stats()).toMatchObject({ size: 0, idle: 0, held: 0, waiting: 0, holders: [] });
      expect(pool.stats().created).toBe(pool.stats().destroyed);
    }),
    { numRuns: 150 },
  );
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
