/**
 * What coordinators and workers say to one another. Every message is checked against its schema by whoever reads it,
 * before anything in it is used. `version` changes when an older reader would misunderstand.
 */
import { z } from "zod";
import type { ErrorData } from "../../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage } from "../../model/result.js";

export const protocolVersion = 1;

/** How long what is in a message may be. */
export const bounds = { name: 500, task: 2000, parcel: 10_000, answers: 100_000 } as const;
export const inboxForm = /^[\w-]{1,100}$/;

const name = z.string().min(1).max(bounds.name);
const token = z.number().int().nonnegative();

const reference = z.object({
  kind: z.literal("orchestrator-data"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().nonnegative(),
});

const encodedValue = z.union([
  z.strictObject({ j: z.unknown() }),
  z.strictObject({ v: z.string() }),
  z.strictObject({ r: reference }),
]);

const moduleWork = z.strictObject({
  kind: z.enum(["thread", "process"]),
  /** The name under which both sides know the module. */
  module: name,
  version: name,
  exportName: name,
});

const otherWork = z.strictObject({
  kind: z.enum(["command", "code"]),
  /** The work's own fields. */
  work: encodedValue,
});

const attempt = z.strictObject({
  token,
  task: z.string().min(1).max(bounds.task),
  name: z.string().max(bounds.task),
  attempt: z.number().int().positive(),
  /** Index into `works`. */
  work: z.number().int().nonnegative(),
  inputs: z.record(z.string(), encodedValue).optional(),
  timeoutMs: z.number().positive().optional(),
  memoryBytes: z.number().nonnegative().optional(),
  cpuCores: z.number().nonnegative().optional(),
  resources: z.record(z.string(), z.number().nonnegative()).optional(),
  /** W3C Trace Context. */
  trace: z.record(z.string().max(100), z.string().max(2000)).optional(),
});

export const parcelMessage = z.strictObject({
  version: z.literal(protocolVersion),
  run: name,
  /** Where answers go, if not to the run. */
  inbox: z.string().regex(inboxForm).optional(),
  /** When it was made, milliseconds since the epoch. */
  at: z.number(),
  works: z.array(z.union([moduleWork, otherWork])).max(bounds.parcel),
  attempts: z.array(attempt).min(1).max(bounds.parcel),
});

const usage = z.looseObject({}).optional() as unknown as z.ZodOptional<z.ZodType<ResourceUsage>>;
const errorData = z.looseObject({ name: z.string(), message: z.string() }) as unknown as z.ZodType<ErrorData>;
const reason = z.looseObject({ kind: z.string() }) as unknown as z.ZodType<FailureReason>;
const facts = z.looseObject({}) as unknown as z.ZodType<AttemptFacts>;

const returnReasons = ["draining", "module", "capacity"] as const;
/** Why a worker hands an attempt back. */
export type ReturnReason = (typeof returnReasons)[number];

/** With an end: which worker began the attempt, where that was not told before. */
const began = name.optional();

const answer = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("started"), token, worker: name }),
  z.strictObject({ is: z.literal("progress"), token, value: encodedValue }),
  z.strictObject({ is: z.literal("log"), token, stream: z.enum(["stdout", "stderr", "log"]), text: z.string() }),
  z.strictObject({ is: z.literal("noted"), token, facts }),
  /** `ms`: how long the attempt ran, for the size of parcels. */
  z.strictObject({ is: z.literal("succeeded"), token, value: encodedValue, ms: z.number(), usage, began }),
  z.strictObject({
    is: z.literal("failed"),
    token,
    error: errorData,
    reason,
    retryable: z.boolean().optional(),
    ms: z.number(),
    usage,
    began,
  }),
  z.strictObject({ is: z.literal("lost"), token, error: errorData, began }),
  z.strictObject({ is: z.literal("stopped"), token, usage, began }),
  /** Handed back: nothing of it runs here, and it may be given to another worker. */
  z.strictObject({ is: z.literal("returned"), token, because: z.enum(returnReasons), detail: z.string(), began }),
]);

export const answersMessage = z.strictObject({
  version: z.literal(protocolVersion),
  worker: name,
  host: name,
  answers: z.array(answer).max(bounds.answers),
});

export const toldMessage = z.strictObject({
  version: z.literal(protocolVersion),
  /** Attempts to be stopped, by run and token. */
  cancel: z.array(z.strictObject({ run: name, token, error: errorData })).max(100_000),
});

export const workerRecord = z.looseObject({
  version: z.literal(protocolVersion),
  id: name,
  host: name,
  pid: z.number(),
  queue: name,
  queues: z.array(name),
  /** Attempts at once. */
  slots: z.number(),
  cpu: z.number(),
  memory: z.number(),
  resources: z.record(z.string(), z.number()),
  /** `name@version`. */
  modules: z.array(z.string()),
  kinds: z.array(z.string()),
  draining: z.boolean(),
  running: z.array(z.object({ run: z.string(), task: z.string(), attempt: z.number(), since: z.number() })),
  runningCount: z.number(),
  counts: z.record(z.string(), z.number()),
  startedAt: z.number(),
});

export type ParcelMessage = z.infer<typeof parcelMessage>;
export type AttemptMessage = ParcelMessage["attempts"][number];
export type WorkMessage = ParcelMessage["works"][number];
export type Answer = z.infer<typeof answer>;
/** The last answer to an attempt. */
export type EndAnswer = Exclude<Answer, { is: "started" | "progress" | "log" | "noted" }>;
export type AnswersMessage = z.infer<typeof answersMessage>;
export type ToldMessage = z.infer<typeof toldMessage>;
/** What a worker says of itself. */
export type WorkerRecord = z.infer<typeof workerRecord>;

export function isEnd(answer: Answer): answer is EndAnswer {
  const { is } = answer;
  return is !== "started" && is !== "progress" && is !== "log" && is !== "noted";
}

/** The queue of tasks that need these custom resources. */
export function queueOf(base: string, resources: readonly string[]): string {
  return resources.length === 0 ? base : `${base}.${[...resources].sort().join("+")}`;
}

/** The queue that one worker alone serves. */
export function queueOfWorker(base: string, workerId: string): string {
  return `${base}@${workerId}`;
}

export const purposeOf = {
  parcel: (id: string): string => `parcel ${id}`,
  index: (runId: string): string => `parcels of run ${runId}`,
  answers: (runId: string): string => `answers of run ${runId}`,
  told: (workerId: string | undefined): string => `orders to ${workerId ?? "every worker"}`,
  record: (workerId: string): string => `record of worker ${workerId}`,
};
