/** Answers that come to a coordinator too late, with a transport that is told what to do. */
import { afterEach, expect, it, vi } from "vitest";
import type { AttemptListener, AttemptRequest } from "#src/port/runner.js";
import type { CoordinatorTransport, Parcel } from "#src/port/transport.js";
import { Coordinator } from "#src/runner/remote/coordinator/coordinator.js";
import { Envelope } from "#src/runner/remote/envelope.js";
import { type Answer, parcelMessage, purposeOf } from "#src/runner/remote/messages.js";
import { ModuleNames } from "#src/runner/remote/modules.js";

afterEach(() => vi.useRealTimers());

it("of an attempt that was given up are counted once, though its run has ended", async () => {
  vi.useFakeTimers();
  const envelope = new Envelope(undefined, 1e6);
  const submitted: Parcel[] = [];
  const counted: string[] = [];
  const transport: CoordinatorTransport = {
    inbox: "inbox",
    caughtUpAt: Number.POSITIVE_INFINITY,
    openRun: () => expect.unreachable(),
    beginRun() {},
    submit: async (_, parcels) => void submitted.push(...parcels),
    withdraw: async (places) => places.map(() => false),
    inspect: async (places) => places.map(() => "gone"),
    settle() {},
    tell() {},
    keepRun() {},
    owns: async () => true,
    workers: async () => [],
    count: (what) => void counted.push(what),
    closeRun: async () => {},
    close: async () => {},
  };
  const coordinator = new Coordinator({
    transport,
    envelope,
    modules: new ModuleNames(),
    data: undefined,
    inlineLimitBytes: 1000,
    queue: "default",
    localResources: [],
    window: 10,
    placementMs: 60_000,
    onTrouble: (error) => expect.unreachable(error.message),
    counts: { submitted: 0, parcels: 0, lost: 0, resent: 0, fenced: 0, adopted: 0, refused: 0 },
  });
  const ends: string[] = [];
  const listener = { started() {}, noted() {}, lost: () => ends.push("lost"), succeeded: () => ends.push("succeeded") };
  const request: AttemptRequest = {
    runId: "run",
    taskId: "task",
    name: "task",
    attempt: 1,
    work: { kind: "thread", module: import.meta.url, exportName: "nothing" },
    inputs: {},
    timeoutMs: undefined,
    memoryBytes: undefined,
    cpuCores: undefined,
  };
  coordinator.start(request, listener as unknown as AttemptListener);
  await vi.advanceTimersByTimeAsync(1);
  const [parcel] = submitted;
  const message = parcelMessage.parse(JSON.parse(envelope.open(purposeOf.parcel(parcel!.id), parcel!.text)));
  expect(message).toMatchObject({ run: "run", inbox: "inbox" });
  const { token } = message.attempts[0]!;
  const answer = (said: Answer): void => {
    const text = JSON.stringify({ version: 1, worker: "w", host: "h", answers: [said] });
    coordinator.onAnswer("run", envelope.seal(purposeOf.answers("run"), text));
  };
  answer({ is: "started", token, worker: "w/thread-1" });
  await vi.advanceTimersByTimeAsync(2000);
  expect(ends).toEqual(["lost"]);
  coordinator.runEnded("run");
  for (let times = 0; times < 2; times++) answer({ is: "succeeded", token, value: { j: 1 }, ms: 1 });
  expect(ends).toEqual(["lost"]);
  expect(counted).toEqual(["lost", "fenced"]);
  await coordinator.close();
});
