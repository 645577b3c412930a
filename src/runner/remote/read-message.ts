/**
 * Reads the two messages of which there are most. What most of them are (exported functions with plain inputs, ends that
 * succeeded) is checked here by hand, which costs a tenth of what a schema does; whatever is not plainly one of those is
 * left to the schema. So nothing is taken here that the schema would not take.
 */
import {
  type AnswersMessage,
  answersMessage,
  bounds,
  inboxForm,
  type ParcelMessage,
  parcelMessage,
  protocolVersion,
} from "./messages.js";

/** Throws where the text is no parcel. */
export function readParcel(text: string): ParcelMessage {
  const value: unknown = JSON.parse(text);
  return isPlainParcel(value) ? value : parcelMessage.parse(value);
}

/** Throws where the text is no message of answers. */
export function readAnswers(text: string): AnswersMessage {
  const value: unknown = JSON.parse(text);
  return areEnds(value) ? value : (answersMessage.parse(value) as AnswersMessage);
}

type Fields = Readonly<Record<string, unknown>>;

/** Whether it is a valid parcel that asks for nothing but exported functions. False does not say that it is invalid. */
export function isPlainParcel(value: unknown): value is ParcelMessage {
  if (!isObject(value)) return false;
  for (const name in value) if (!parcelFields.has(name)) return false;
  const { version, run, inbox, at, works, attempts } = value;
  return (
    version === protocolVersion &&
    isName(run) &&
    (inbox === undefined || (typeof inbox === "string" && inboxForm.test(inbox))) &&
    Number.isFinite(at) &&
    isList(works, 0, bounds.parcel, isModuleWork) &&
    isList(attempts, 1, bounds.parcel, isPlainAttempt)
  );
}

/** Whether it is a valid message that tells nothing but ends of attempts that succeeded, as `isPlainParcel`. */
export function areEnds(value: unknown): value is AnswersMessage {
  if (!isObject(value)) return false;
  for (const name in value) if (!answersFields.has(name)) return false;
  const { version, worker, host, answers } = value;
  return version === protocolVersion && isName(worker) && isName(host) && isList(answers, 0, bounds.answers, isSuccess);
}

const parcelFields = new Set(["version", "run", "inbox", "at", "works", "attempts"]);
const workFields = new Set(["kind", "module", "version", "exportName"]);
const attemptFields = new Set(["token", "task", "name", "attempt", "work", "inputs"]);
const answersFields = new Set(["version", "worker", "host", "answers"]);
const successFields = new Set(["is", "token", "value", "ms", "began"]);

function isModuleWork(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const name in value) if (!workFields.has(name)) return false;
  const { kind, module, version, exportName } = value;
  return (kind === "thread" || kind === "process") && isName(module) && isName(version) && isName(exportName);
}

function isPlainAttempt(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const name in value) if (!attemptFields.has(name)) return false;
  const { token, task, name, attempt, work, inputs } = value;
  return (
    isCount(token) &&
    isText(task, 1, bounds.task) &&
    isText(name, 0, bounds.task) &&
    isCount(attempt) &&
    attempt > 0 &&
    isCount(work) &&
    (inputs === undefined || arePlainInputs(inputs))
  );
}

function arePlainInputs(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const name in value) if (name === "__proto__" || !isPlainValue(value[name])) return false;
  return true;
}

function isSuccess(value: unknown): boolean {
  if (!isObject(value) || value.is !== "succeeded") return false;
  for (const name in value) if (!successFields.has(name)) return false;
  const { token, ms, began } = value;
  return isCount(token) && isPlainValue(value.value) && Number.isFinite(ms) && (began === undefined || isName(began));
}

/** Whether it is a value as JSON. */
function isPlainValue(value: unknown): boolean {
  if (!isObject(value)) return false;
  for (const name in value) if (name !== "j") return false;
  return "j" in value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown, fewest: number, most: number, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length >= fewest && value.length <= most && value.every(isItem);
}

function isName(value: unknown): boolean {
  return isText(value, 1, bounds.name);
}

function isText(value: unknown, shortest: number, longest: number): boolean {
  return typeof value === "string" && value.length >= shortest && value.length <= longest;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
