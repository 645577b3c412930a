/** The parts of a cluster that need none: values as text, seals, sizes of parcels, what a worker may hold. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { distributed, startWorker } from "#src/distributed.js";
import type { AttemptRequest } from "#src/port/runner.js";
import { HeldLeases } from "#src/runner/remote/bullmq/held-leases.js";
import type { ToLeaseThread } from "#src/runner/remote/bullmq/lease-messages.js";
import { redisTrouble } from "#src/runner/remote/bullmq/trouble.js";
import { parseConnection } from "#src/runner/remote/connection-url.js";
import { ParcelSizes } from "#src/runner/remote/coordinator/parcel-size.js";
import { Placement } from "#src/runner/remote/coordinator/placement.js";
import { Envelope } from "#src/runner/remote/envelope.js";
import {
  type Answer,
  answersMessage,
  purposeOf,
  queueOfWorker,
  type WorkerRecord,
} from "#src/runner/remote/messages.js";
import { ModuleRegistry } from "#src/runner/remote/modules.js";
import { decodeValue, encodeValue, fromBytes } from "#src/runner/remote/value-codec.js";
import { WorkerAdmission } from "#src/runner/remote/worker/admission.js";
import { admitWork } from "#src/runner/remote/worker/admit-work.js";
import { Answers } from "#src/runner/remote/worker/answers.js";

describe("values", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withObjectString: false,
  });

  it("arrive as what they were, as text and as bytes", () => {
    fc.assert(
      fc.property(anything, (value) => {
        // What structured cloning keeps is what a thread on the same machine would be given.
        const cloned = structuredClone(value);
        const encoded = encodeValue(value, Number.POSITIVE_INFINITY);
        if (Buffer.isBuffer(encoded) || "r" in encoded) throw new Error("not meant to be stored");
        expect(decodeValue(JSON.parse(JSON.stringify(encoded)))).toStrictEqual(cloned);
        const bytes = encodeValue(value, -1);
        if (Buffer.isBuffer(bytes)) expect(fromBytes(bytes)).toStrictEqual(cloned);
      }),
    );
  });
});

describe("an envelope", () => {
  it("opens for the purpose that it was sealed for, with the same key, unchanged, and never else", () => {
    const key = fc.string({ minLength: 16 });
    fc.assert(
      fc.property(key, key, fc.string(), fc.string(), fc.string(), (ours, theirs, purpose, other, text) => {
        const sealed = new Envelope(ours, 1e6).seal(purpose, text);
        const open = (with_: string, for_: string, what: string) => new Envelope(with_, 1e6).open(for_, what);
        expect(open(ours, purpose, sealed)).toBe(text);
        if (theirs !== ours) expect(() => open(theirs, purpose, sealed)).toThrow(/not signed/);
        if (other !== purpose) expect(() => open(ours, other, sealed)).toThrow(/not signed/);
        expect(() => open(ours, purpose, `${sealed}x`)).toThrow(/not signed/);
        expect(() => open(ours, purpose, `.${text}`)).toThrow(/not signed/);
      }),
    );
  });

  it("takes no message over its size", () => {
    expect(() => new Envelope(undefined, 100).open("a purpose", `.${"x".repeat(1000)}`)).toThrow(/more than the 100/);
  });
});

const attempts = (name: string, count: number) => Array.from({ length: count }, () => ({ name, size: 300 }));

describe("sizes of parcels", () => {
  it("keep every attempt, in order", () => {
    const sizes = fc.array(fc.record({ name: fc.constantFrom("a", "b"), size: fc.nat(2_000_000) }));
    fc.assert(
      fc.property(sizes, fc.nat(50), fc.double({ min: 0, max: 1e4, noNaN: true }), (list, slots, ms) => {
        const parcels = new ParcelSizes();
        parcels.learn("a", ms);
        expect(parcels.split(list, slots, 2000).flat()).toEqual(list);
      }),
    );
  });

  it("are many for short attempts and one for long ones, once that is known", () => {
    const sizes = new ParcelSizes();
    expect(sizes.split(attempts("short", 400), 4, 2000).length).toBeGreaterThan(50);
    for (let count = 0; count < 50; count++) sizes.learn("short", 0.1);
    expect(sizes.split(attempts("short", 400), 4, 2000).length).toBeLessThan(10);
    sizes.learn("long", 1000);
    expect(sizes.split(attempts("long", 400), 4, 2000)).toHaveLength(400);
  });

  it("take no more than one slot's part of the window", () => {
    const sizes = new ParcelSizes();
    for (let count = 0; count < 50; count++) sizes.learn("short", 0.1);
    const lengths = sizes.split(attempts("short", 400), 4, 40).map(({ length }) => length);
    expect(Math.max(...lengths)).toBe(10);
  });

  it("leave no small rest to one worker, and much to another", () => {
    const sizes = new ParcelSizes();
    for (let count = 0; count < 50; count++) sizes.learn("short", 0.01);
    const lengths = (count: number) => sizes.split(attempts("short", count), 2, 100).map(({ length }) => length);
    expect(lengths(60)).toEqual([30, 30]);
    expect(lengths(90)).toEqual([50, 40]);
    expect(lengths(101)).toEqual([34, 34, 33]);
  });
});

describe("where an attempt goes", () => {
  const value = { kind: "orchestrator-data", sha256: "a".repeat(64), bytes: 100_000_000 } as const;
  const record = (id: string, host: string, runningCount = 0): WorkerRecord => ({
    ...{ version: 1, id, host, pid: 1, queue: "default", queues: ["default", queueOfWorker("default", id)], slots: 2 },
    ...{ cpu: 1, memory: 1, resources: {}, modules: [], kinds: [], draining: false, running: [], runningCount },
    ...{ counts: {}, startedAt: 0 },
  });
  const placement = (...workers: WorkerRecord[]) => {
    const made = new Placement({ queue: "default", localResources: [] });
    made.workers = workers;
    return made;
  };
  const taking = (input: unknown) => ({ inputs: { input } }) as unknown as AttemptRequest;

  it("is a free worker on a machine that has its large input, and anybody when that one is busy", () => {
    const placed = placement(record("near", "there"), record("far", "elsewhere"));
    placed.holds("there", [value]);
    const near = queueOfWorker("default", "near");
    const queues = [1, 2, 3].map(() => placed.queueFor(taking(value)));
    expect(queues).toEqual([near, near, "default"]);
    placed.left(near);
    expect(placed.queueFor(taking(value))).toBe(near);
  });

  it("is anybody where the value is small, nobody has it, or its machine is drained or full", () => {
    const small = { ...value, sha256: "b".repeat(64), bytes: 1000 };
    const full = placement(record("near", "there", 2));
    full.holds("there", [value, small]);
    expect(full.queueFor(taking(value))).toBe("default");
    const drained = placement({ ...record("near", "there"), draining: true });
    drained.holds("there", [value]);
    expect(drained.queueFor(taking(value))).toBe("default");
    const free = placement(record("near", "there"));
    free.holds("there", [small]);
    expect(free.queueFor(taking(small))).toBe("default");
    expect(free.queueFor(taking(value))).toBe("default");
  });
});

describe("what a worker is ready to do", () => {
  const policy = { modules: new ModuleRegistry([]), commands: ["ffmpeg"], signed: false };
  const admit = (work: object, signed = false) =>
    admitWork({ kind: (work as { kind: "command" }).kind, work: { j: work } }, { ...policy, signed });
  const refusedBecause = (work: object, signed = false) => {
    const answer = admit(work, signed);
    return "refused" in answer ? answer.refused : "it is not refused";
  };
  const ffmpeg = { kind: "command", argv: ["ffmpeg", "-version"], options: {} };
  const python = { kind: "code", language: "python", source: "result = 1" };

  it("is the programs that its owner named, and sandboxed code", () => {
    expect(admit(ffmpeg)).toEqual({ work: ffmpeg });
    expect(admit(python)).toEqual({ work: python });
    expect(refusedBecause({ ...ffmpeg, argv: ["sh", "-c", "id"] })).toContain('"sh"; commands that it runs: ffmpeg');
    expect(refusedBecause({ ...ffmpeg, options: { shell: true } }, true)).toContain('"/bin/sh"');
  });

  it("is not what would make another program of a named one, or open a sandbox, where messages are not signed", () => {
    for (const options of [{ cwd: "/tmp" }, { env: { LD_PRELOAD: "/tmp/x.so" } }, { inheritEnv: ["AWS_SECRET"] }]) {
      expect(refusedBecause({ ...ffmpeg, options })).toContain(Object.keys(options)[0]);
      expect(admit({ ...ffmpeg, options }, true)).toEqual({ work: { ...ffmpeg, options } });
    }
    for (const sandbox of [{ docker: { host: "tcp://x:1" } }, { networkDisabled: false }, { allowedDomains: ["x"] }]) {
      expect(refusedBecause({ ...python, sandbox })).toContain(Object.keys(sandbox)[0]);
      expect(admit({ ...python, sandbox }, true)).toEqual({ work: { ...python, sandbox } });
    }
  });

  it("is nothing that is not what it should be, signed or not", () => {
    for (const broken of [
      { kind: "command" },
      { kind: "command", argv: [], options: {} },
      { ...ffmpeg, options: { uid: 0 } },
      { ...python, source: 1 },
      { ...python, options: { sandbox: { networkDisabled: false } } },
    ])
      expect(refusedBecause(broken, true)).toContain("not what it should be");
    expect(refusedBecause({ kind: "eval" })).toContain("not what it should be");
    const other = admitWork({ kind: "code", work: { j: ffmpeg } }, policy);
    expect(other).toMatchObject({ refused: expect.stringContaining("another kind") });
    const bytes = admitWork({ kind: "code", work: { v: "AAAA" } }, policy);
    expect(bytes).toMatchObject({ refused: expect.stringContaining("not what it should be") });
  });
});

describe("what a worker holds", () => {
  it("never goes beyond its capacity, and everything that fits begins in the end", () => {
    const demand = fc.record({
      cpuCores: fc.integer({ min: 0, max: 4 }),
      memoryBytes: fc.integer({ min: 0, max: 100 }),
      resources: fc.record({ gpu: fc.integer({ min: 0, max: 2 }) }),
    });
    fc.assert(
      fc.property(fc.array(demand, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (demands, picks) => {
        const admission = new WorkerAdmission({ slots: 3, cpuCores: 4, memoryBytes: 100, resources: { gpu: 2 } });
        const held: (typeof demands)[number][] = [];
        const begun: number[] = [];
        demands.forEach((wanted, index) => {
          admission.request(wanted, () => {
            held.push(wanted);
            begun.push(index);
          });
        });
        const sum = (of: (one: (typeof demands)[number]) => number) => held.reduce((total, one) => total + of(one), 0);
        while (held.length > 0) {
          expect(held.length).toBeLessThanOrEqual(3);
          expect(sum(({ cpuCores }) => cpuCores)).toBeLessThanOrEqual(4);
          expect(sum(({ memoryBytes }) => memoryBytes)).toBeLessThanOrEqual(100);
          expect(sum(({ resources }) => resources.gpu)).toBeLessThanOrEqual(2);
          const [ended] = held.splice(picks.next().value % held.length, 1);
          admission.release(ended!);
        }
        expect(begun).toEqual(demands.map((_, index) => index));
      }),
    );
  });
});

describe("where Redis is", () => {
  it("is read from a URL", () => {
    const read = (url: string) => parseConnection(url);
    expect(read("redis://")).toEqual({ connection: { host: "127.0.0.1", port: 6379 } });
    expect(read("rediss://a%40b:p%3Aq@h:1/2")).toEqual({
      connection: { host: "h", port: 1, username: "a@b", password: "p:q", db: 2, tls: {} },
    });
    expect(read("redis://:only@[::1]:7/")).toEqual({ connection: { host: "::1", port: 7, password: "only" } });
    expect(read("redis-sentinel://one:1,two/0#main")).toEqual({
      connection: {
        sentinels: [
          { host: "one", port: 1 },
          { host: "two", port: 26_379 },
        ],
        name: "main",
        db: 0,
      },
    });
  });

  it("is refused where it is none, without its password", () => {
    for (const url of ["http://h", "redis://h:port", "redis://a,b", "redis://h:99999", "redis://u:secret@h/x"]) {
      const read = parseConnection(url);
      expect(read).toMatchObject({ wrong: expect.stringContaining("takes a URL such as redis://127.0.0.1:6379") });
      expect(JSON.stringify(read)).not.toContain("secret");
    }
    expect(parseConnection("redis-sentinel://h")).toMatchObject({ wrong: expect.stringContaining("#mymaster") });
  });

  it("is named by what goes wrong there, with what to do", () => {
    const told = (text: string, connection = {}) => redisTrouble(connection, new Error(text)).message;
    expect(told("connect ECONNREFUSED")).toBe("cannot reach Redis at 127.0.0.1:6379: connect ECONNREFUSED");
    expect(told("WRONGPASS invalid", { host: "h", port: 1 })).toMatch(
      /^Redis at h:1 refuses this user name or password/,
    );
    expect(told("NOAUTH Authentication required.")).toContain("redis://user:password@host:port");
    expect(told("self-signed certificate in certificate chain")).toContain("--tls-ca");
    const several = new AggregateError([new Error("connect ECONNREFUSED ::1:1"), new Error("another")]);
    expect(redisTrouble({}, several).message).toContain("connect ECONNREFUSED ::1:1");
  });
});

describe("options", () => {
  it("are all told that are wrong, with what they take", async () => {
    const wrong = { connection: "http://x", queue: "a b", key: "short", window: 0, leese: 1 } as object;
    expect(() => distributed(wrong)).toThrow(
      /connection.*redis:[\s\S]*queue.*letters[\s\S]*key.*16[\s\S]*window.*from 1/,
    );
    expect(() => distributed({ leese: 1 } as object)).toThrow(/leese.*did you mean "lease"/);
    expect(() => distributed({ data: { kind: "s3" } as never })).toThrow(/data.endpoint/);
    await expect(startWorker({ concurrency: 0, resources: { "a:b": 1 } })).rejects.toThrow(
      /resources[\s\S]*concurrency/,
    );
    await expect(startWorker({ tasks: ["/nowhere.js"] })).rejects.toMatchObject({ code: "MODULE_NOT_LOADED" });
  });
});

describe("answers of a worker", () => {
  const envelope = new Envelope(undefined, 1e6);
  const run = { runId: "run", inbox: undefined };

  /** Of a worker with two slots. */
  function outgoing(running: number) {
    const sent: Answer[][] = [];
    const attempts = { running };
    const answers = new Answers({
      transport: {
        async answer({ runId }, text) {
          sent.push(answersMessage.parse(JSON.parse(envelope.open(purposeOf.answers(runId), text))).answers);
          return true;
        },
      },
      envelope,
      workerId: "w",
      host: "h",
      maxMessageBytes: 1e6,
      onTrouble: (error) => expect.unreachable(error.message),
      running: () => attempts.running,
      slots: 2,
      onNobody: () => expect.unreachable(),
    });
    return { answers, sent, attempts };
  }

  const started = (token: number): Answer => ({ is: "started", token, worker: "w/thread-1" });
  const succeeded = (token: number): Answer => ({ is: "succeeded", token, value: { j: token }, ms: 1 });

  it("tell the beginning of a short attempt with its end", async () => {
    const { answers, sent } = outgoing(1);
    answers.push(run, started(1));
    answers.push(run, started(2));
    answers.push(run, succeeded(1));
    await answers.flushed(run);
    expect(sent.flat()).toEqual([{ ...succeeded(1), began: "w/thread-1" }, started(2)]);
    answers.push(run, succeeded(2));
    await answers.flushed(run);
    expect(sent.flat().at(-1)).toEqual(succeeded(2));
  });

  it("leave at once where one ends by itself or nothing runs any more, and wait for others where several end", async () => {
    vi.useFakeTimers();
    try {
      const { answers, sent, attempts } = outgoing(2);
      const endAll = async (...tokens: number[]) => {
        for (const token of tokens) answers.push(run, succeeded(token));
        attempts.running -= tokens.length;
        await vi.advanceTimersByTimeAsync(0);
      };
      await endAll(1);
      expect(sent).toEqual([[succeeded(1)]]);
      attempts.running = 5;
      await endAll(2, 3);
      await endAll(4, 5);
      expect(sent).toHaveLength(1);
      await endAll(6);
      expect(sent).toEqual([[succeeded(1)], [2, 3, 4, 5, 6].map(succeeded)]);
      attempts.running = 3;
      await endAll(7, 8);
      expect(sent).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(2);
      expect(sent).toHaveLength(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it("keep the order of what one attempt tells", async () => {
    const { answers, sent } = outgoing(3);
    const said: Answer[] = [
      started(1),
      { is: "log", token: 1, stream: "log", text: "first" },
      { is: "progress", token: 1, value: { j: 0.5 } },
      succeeded(1),
    ];
    answers.push(run, started(2));
    for (const answer of said) answers.push(run, answer);
    answers.push(run, succeeded(2));
    await answers.flushed(run);
    expect(sent.flat().filter(({ token }) => token === 1)).toEqual(said);
  });
});

describe("leases on their way to the thread that renews them", () => {
  const lease = (jobId: string) => ({ jobId, jobKey: jobId, activeKey: "a", stalledKey: "s", token: "t" });

  it("are told soon, and those of jobs that are over by then not at all", () => {
    vi.useFakeTimers();
    try {
      const told: ToLeaseThread[] = [];
      const leases = new HeldLeases((message) => told.push(message));
      leases.hold(lease("long"));
      leases.hold(lease("short"));
      leases.release("short");
      vi.advanceTimersByTime(50);
      expect(told).toEqual([{ is: "changes", held: [lease("long")], released: [] }]);
      leases.release("long");
      vi.advanceTimersByTime(50);
      expect(told.slice(1)).toEqual([{ is: "changes", held: [], released: ["long"] }]);
      leases.hold(lease("short"));
      leases.release("short");
      vi.advanceTimersByTime(100);
      expect(told).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });
});
