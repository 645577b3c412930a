/**
 * What the fields of records are, so that bytes whose sum is right but which are not what this version writes are told by their place,
 * and do not fail somewhere behind the reader.
 */
import type { GraphRecord, JournalRecord, PlainRecord } from "./record.js";

type Check = (value: unknown) => boolean;

const number: Check = (value) => typeof value === "number";
const natural: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const anything: Check = () => true;
const texts = listOf(text);
const integers: Check = (value) => value instanceof Int32Array;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function oneOf(...words: readonly string[]): Check {
  return (value) => words.includes(value as string);
}

function fields(checks: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(checks);
  return (value) => isObject(value) && entries.every(([name, check]) => check(value[name]));
}

const object: Check = isObject;
const numbersByName: Check = (value) => isObject(value) && Object.values(value).every(number);
const namesByNumber: Check = (value) =>
  value instanceof Map && [...value].every(([n, name]) => natural(n) && text(name));
const errorData: Check = (value) =>
  isObject(value) &&
  text(value.name) &&
  text(value.message) &&
  optional(text)(value.stack) &&
  optional(text)(value.code) &&
  optional(errorData)(value.cause) &&
  optional(listOf(errorData))(value.errors) &&
  optional(object)(value.fields);
const reason = fields({ kind: text });
const attempt = { task: natural, attempt: natural, at: number };
const prints = fields({ texts, work: integers, rules: integers, constants: integers });
const added = fields({
  id: text,
  name: text,
  dependsOn: texts,
  print: (value) => texts(value) && (value as string[]).length === 3,
  past: optional(oneOf("kept", "again")),
});
const endings = ["succeeded", "failed", "timed-out", "cancelled", "skipped"];

const checks: Readonly<Record<PlainRecord["type"], Check>> = {
  opened: fields({
    at: number,
    runId: text,
    pid: natural,
    host: text,
    nodeVersion: text,
    durability: text,
    about: anything,
  }),
  graph: (value) =>
    fields({
      name: text,
      limits: numbersByName,
      ids: texts,
      names: namesByNumber,
      offsets: integers,
      targets: integers,
      prints,
    })(value) && isGraph(value as GraphRecord),
  resumed: fields({ at: number, from: optional(integers), again: integers, withoutAdditions: integers }),
  "attempt-failed": fields({
    ...attempt,
    outcome: oneOf("failed", "timed-out", "cancelled", "lost"),
    startedAt: number,
    readyAt: number,
    workerId: text,
    error: errorData,
    reason,
    retryable: flag,
    random: number,
    usage: optional(object),
    facts: optional(object),
  }),
  "retry-scheduled": fields({ task: natural, attempt: natural, retryAt: number }),
  "condition-decided": fields({
    task: natural,
    at: number,
    verdict: oneOf("run", "skip", "error"),
    error: optional(errorData),
  }),
  "task-ended": fields({ task: natural, at: number, status: oneOf(...endings.slice(1)), error: errorData, reason }),
  "tasks-added": fields({ parent: natural, attempt: natural, at: number, tasks: listOf(added) }),
  "attempt-log": fields({ ...attempt, stream: oneOf("stdout", "stderr", "log"), text }),
  "task-suspended": fields({ task: natural, at: number }),
  "task-resumed": fields({ task: natural, at: number }),
  "cancel-requested": fields({ at: number, by: text, message: text }),
  "run-ended": fields({ at: number, counts: numbersByName, duration: number }),
};

/** Whether every field is there, and of its kind. */
export function hasItsFields(type: PlainRecord["type"], value: unknown): value is Omit<JournalRecord, "type"> {
  return checks[type](value);
}

/** Whether the numbers in it lead somewhere. */
function isGraph({ ids, offsets, targets, prints: { texts: known, work, rules, constants } }: GraphRecord): boolean {
  const count = ids.length;
  if (offsets.length !== count + 1 || offsets[0] !== 0 || offsets[count] !== targets.length) return false;
  for (let task = 0; task < count; task++) if (offsets[task]! > offsets[task + 1]!) return false;
  if (!allBelow(targets, count)) return false;
  return [work, rules, constants].every((part) => part.length === count && allBelow(part, known.length));
}

function allBelow(numbers: Int32Array, limit: number): boolean {
  // By place: an iterator is ten times slower over the numbers of a large graph.
  for (let place = 0; place < numbers.length; place++)
    if (numbers[place]! < 0 || numbers[place]! >= limit) return false;
  return true;
}
