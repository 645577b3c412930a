/**
 * Events on `node:diagnostics_channel`, for tools that watch a program without a change to it: channel
 * `orchestrator-executor:` and the type of the event, such as `orchestrator-executor:task-ended`. Whether anybody listens is
 * looked at when a run starts, so that one that nobody watches makes no events.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { RunEvent } from "../model/event.js";
import type { Observer } from "../port/observer.js";

/** A record rather than a list: a type that is forgotten does not compile. */
const types: Readonly<Record<RunEvent["type"], true>> = {
  "run-started": true,
  "run-resumed": true,
  "tasks-added": true,
  "task-ready": true,
  "attempt-started": true,
  "attempt-progress": true,
  "attempt-log": true,
  "attempt-ended": true,
  "task-suspended": true,
  "task-resumed": true,
  "task-restored": true,
  "task-ended": true,
  "cancel-requested": true,
  "run-ended": true,
};

const channels: ReadonlyMap<RunEvent["type"], Channel> = new Map(
  Object.keys(types).map((type) => [type as RunEvent["type"], channel(`orchestrator-executor:${type}`)]),
);

/** Publishes events, where somebody listens to any of them. */
export function channelObserver(): Observer | undefined {
  let heard = false;
  for (const { hasSubscribers } of channels.values()) heard ||= hasSubscribers;
  return heard ? { observe: (event) => channels.get(event.type)?.publish(event) } : undefined;
}
