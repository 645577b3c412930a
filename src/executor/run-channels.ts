/**
 * Events on `node:diagnostics_channel`, for tools that watch a program without a change to it: channel
 * `orchestrator-executor:` and the type of the event, such as `orchestrator-executor:task-ended`. Whether anybody listens is
 * looked at when a run starts, so that one that nobody watches makes no events.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { RunEvent } from "../model/event.js";
import type { Observer } from "../port/observer.js";

const types: readonly RunEvent["type"][] = [
  "run-started",
  "run-resumed",
  "tasks-added",
  "task-ready",
  "attempt-started",
  "attempt-progress",
  "attempt-log",
  "attempt-ended",
  "task-suspended",
  "task-resumed",
  "task-ended",
  "cancel-requested",
  "run-ended",
];

const channels: ReadonlyMap<RunEvent["type"], Channel> = new Map(
  types.map((type) => [type, channel(`orchestrator-executor:${type}`)]),
);

/** Publishes events, where somebody listens to any of them. */
export function channelObserver(): Observer | undefined {
  let heard = false;
  for (const { hasSubscribers } of channels.values()) heard ||= hasSubscribers;
  return heard ? { observe: (event) => channels.get(event.type)?.publish(event) } : undefined;
}
