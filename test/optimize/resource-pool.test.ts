import { describe, expect, test } from "vitest";
import type { PoolWarning } from "#src/optimize/pool/options.js";
import { ResourcePool } from "#src/optimize/pool/resource-pool.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

/** A pool of numbered things on a simulated clock, and what happened to them. */
function numbered(options: Partial<ConstructorParameters<typeof ResourcePool<number>>[0]> = {}) {
  const clock = new SimulatedClock();
  const story: string[] = [];
  const warnings: PoolWarning[] = [];
  let made = 0;
  const pool = new ResourcePool<number>(
    {
      name: "things",
      create: () => {
        story.push(`make ${++made}`);
        return made;
      },
      destroy: (thing) => void story.push(`end ${thing}`),
      onWarning: (warning) => warnings.push(warning),
      ...options,
    },
    { clock },
  );
  return { pool, clock, story, warnings };
}

describe("ResourcePool", () => {
  test("makes a resource when it is needed, and lends it again", async () => {
    const { pool, story } = numbered();
    expect(story).toEqual([]);
    expect(await pool.use((thing) => thing)).toBe(1);
    const lease = await pool.acquire();
    expect(lease.resource).toBe(1);
    await lease.release();
    await pool.close();
    expect(story).toEqual(["make 1", "end 1"]);
  });

  test("gives a resource back even where its user throws", async () => {
    const { pool } = numbered({ max: 1 });
    const failed = pool.use(() => {
      throw new Error("no luck");
    });
    await expect(failed).rejects.toThrow("no luck");
    expect(await pool.use((thing) => thing)).toBe(1);
  });

  test("has those who wait served by priority, and then as they came", async () => {
    const { pool } = numbered({ max: 1 });
    const lease = await pool.acquire();
    const served: string[] = [];
    const waiting = [
      ["low", 0],
      ["late", 0],
      ["high", 9],
    ].map(([name, priority]) => pool.use(() => void served.push(name as string), { priority: priority as number }));
    await lease.release();
    await Promise.all(waiting);
    expect(served).toEqual(["high", "low", "late"]);
  });

  test("prefers the resource that last served the same key", async () => {
    const { pool } = numbered({ max: 3 });
    const leases = await Promise.all(["a", "b", "c"].map((affinity) => pool.acquire({ affinity })));
    const of = new Map(["a", "b", "c"].map((key, index) => [key, leases[index]!.resource]));
    await Promise.all(leases.map((lease) => lease.release()));
    for (const key of ["b", "a", "c", "b"])
      expect(await pool.use((thing) => thing, { affinity: key })).toBe(of.get(key));
    expect(pool.stats().affinityHits).toBe(4);
    // A key that nobody served gets the one that was left longest ago, and another's key never waits for its own.
    expect(await pool.use((thing) => thing, { affinity: "d" })).toBe(of.get("a"));
  });

  test("bounds those who wait, and says who holds what", async () => {
    const { pool, clock } = numbered({ max: 1, maxWaiting: 1, acquireTimeout: "1s" });
    await pool.acquire({ holder: "task render" });
    const waiting = pool.acquire();
    waiting.catch(() => undefined);
    await clock.advance(500);
    await expect(pool.acquire()).rejects.toMatchObject({
      code: "QUEUE_FULL",
      message: expect.stringContaining("held by task render (500ms)"),
    });
    await clock.advance(500);
    await expect(waiting).rejects.toMatchObject({
      code: "ACQUIRE_TIMEOUT",
      message: 'nothing came free in pool "things" in 1s (acquireTimeout); its resources are held by task render (1s)',
    });
  });

  test("warns of what is held too long, with its holder and where it was acquired", async () => {
    const { pool, clock, warnings } = numbered({ warnAfter: "10s" });
    const lease = await pool.acquire({ holder: "task render" });
    const brief = await pool.acquire({ holder: "task brief" });
    await brief.release();
    await clock.advance(10_000);
    expect(warnings).toEqual([
      {
        kind: "held-too-long",
        message: 'pool "things": a resource is held for longer than warnAfter, by task render, for 10s',
        holder: "task render",
        heldFor: 10,
        stack: expect.stringContaining("resource-pool.test.ts"),
      },
    ]);
    await lease.release();
  });

  test("destroys what fails its check, and what checks for too long, and gives the waiter another", async () => {
    const verdicts = [() => false, () => new Promise<boolean>(() => undefined), () => true];
    const { pool, clock, story } = numbered({ max: 1, checkTimeout: "2s", check: () => verdicts.shift()!() });
    await pool.use(() => undefined);
    await clock.advance(5000);
    expect(await pool.use((thing) => thing)).toBe(2);
    await clock.advance(5000);
    expect(await clock.runUntil(pool.use((thing) => thing))).toBe(3);
    await clock.advance(5000);
    expect(await pool.use((thing) => thing)).toBe(3);
    expect(story).toEqual(["make 1", "end 1", "make 2", "end 2", "make 3"]);
    expect(pool.stats().failedChecks).toBe(2);
  });

  test("ends what is idle for too long but for min, what is too old, and what was used too often", async () => {
    const { pool, clock, story } = numbered({ max: 3, min: 1, idleTimeout: "1s", maxLifetime: "10s", maxUses: 2 });
    await clock.advance(0);
    const leases = await Promise.all([pool.acquire(), pool.acquire()]);
    await Promise.all(leases.map((lease) => lease.release()));
    await clock.advance(1500);
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 });
    const kept = await pool.acquire();
    await kept.release();
    await clock.advance(0);
    expect(story).toContain(`end ${kept.resource}`);
    expect(pool.stats()).toMatchObject({ size: 1, created: 3 });
    await clock.advance(10_000);
    expect(pool.stats()).toMatchObject({ size: 1, created: 4, destroyed: 3 });
  });

  test("tells a waiter why no resource could be made, and leaves what comes too late to nobody", async () => {
    const { pool, clock, story } = numbered({
      createTimeout: "1s",
      create: async ({ signal }) => {
        await new Promise<void>((resolve) => void clock.schedule(3000, resolve));
        story.push(`made too late, ${signal.aborted ? "aborted" : "unaware"}`);
        return 7;
      },
    });
    const failed = pool.acquire();
    failed.catch(() => undefined);
    await clock.advance(1000);
    await expect(failed).rejects.toMatchObject({
      code: "RESOURCE_FAILED",
      message: 'pool "things" could not make a resource: create took longer than 1s (createTimeout)',
    });
    expect(pool.stats()).toMatchObject({ size: 0, failedCreates: 1 });
    await clock.advance(3000);
    expect(story).toEqual(["made too late, aborted", "end 7"]);
  });

  test("keeps trying to have min ready, ever more rarely", async () => {
    let attempts = 0;
    const { pool, clock, warnings } = numbered({
      min: 1,
      create: () => {
        if (++attempts < 4) throw new Error("not yet");
        return 1;
      },
    });
    await clock.advance(999);
    expect(attempts).toBe(1);
    await clock.advance(6500);
    expect(attempts).toBe(4);
    expect(pool.stats()).toMatchObject({ idle: 1, failedCreates: 3 });
    expect(warnings.map(({ kind }) => kind)).toEqual(["create-failed", "create-failed", "create-failed"]);
  });

  test("is closed when everything has come back, and takes back what has not", async () => {
    const { pool, clock, story, warnings } = numbered({ max: 2 });
    const [returned, kept] = await Promise.all([pool.acquire(), pool.acquire({ holder: "task hung" })]);
    const waiting = pool.acquire();
    const closed = pool.close({ grace: 5 });
    await expect(waiting).rejects.toMatchObject({ code: "QUEUE_CLOSED" });
    await expect(pool.acquire()).rejects.toMatchObject({ code: "QUEUE_CLOSED" });
    await returned.release();
    await clock.advance(4000);
    expect(pool.stats().size).toBe(1);
    await clock.runUntil(closed);
    expect(story).toEqual(["make 1", "make 2", "end 1", "end 2"]);
    expect(warnings).toMatchObject([{ kind: "not-returned", holder: "task hung", heldFor: 5 }]);
    await kept.release();
  });
});
