/** Text of tasks, cut to what a page can use. */
import { inspect } from "node:util";
import type { ErrorData } from "../../model/error.js";
import type { ErrorDetail } from "../protocol.js";

/** Cuts a text, and lets the rest of it go: a slice alone would keep all of it alive. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = Buffer.from(text.slice(0, most), "utf16le").toString("utf16le");
  return `${kept}\u2026 (${(text.length - most).toLocaleString("en")} more characters)`;
}

/** A value for a reader: text as it is, anything else as Node shows it, without calling into it. */
export function describeValue(value: unknown, most: number): string {
  if (typeof value === "string") return cut(value, most);
  // What most tasks of a large run give, without the cost of the general way.
  if (typeof value === "boolean" || Number.isInteger(value)) return String(value);
  const options = { depth: 5, maxArrayLength: 100, maxStringLength: 2000, breakLength: 100, customInspect: false };
  try {
    return cut(inspect(value, options), most);
  } catch {
    return "(a value that cannot be shown)";
  }
}

const mostMessage = 8_000;
const mostStack = 12_000;
const deepest = 6;

export function errorDetail(data: ErrorData, depth = 0): ErrorDetail {
  const { name, message, code, stack, cause } = data;
  return {
    name: cut(name, 200),
    message: cut(message, mostMessage),
    ...(code !== undefined && { code: cut(code, 200) }),
    ...(stack !== undefined && { stack: cut(stack, mostStack) }),
    ...(cause !== undefined && depth < deepest && { cause: errorDetail(cause, depth + 1) }),
  };
}

/** The first line of a message, without the task that it is about. */
export function firstLine(message: string, taskId: string): string {
  const start = `task "${taskId}" `;
  const line = (message.startsWith(start) ? message.slice(start.length) : message).split("\n", 1)[0]!.trim();
  return cut(line === "" ? "(no message)" : line, 200);
}

/** A task's own progress, in a few words: `0.4` is `40 %`. */
export function describeTold(value: unknown): string {
  if (typeof value === "number" && value >= 0 && value <= 1) return `${Math.round(value * 100)} %`;
  return cut(describeValue(value, 200).replace(/\s+/g, " "), 80);
}
