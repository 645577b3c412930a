/** What the page knows and what is chosen in it, as signals. */
import { batch, signal } from "@preact/signals";
import type { Delta, RunSummary, TaskStateName } from "../protocol.ts";
import { Connection, RefusedError, takeToken } from "./connection.ts";
import { RunView } from "./run-view.ts";

export type ViewName = "graph" | "timeline" | "resources" | "tasks";
export const viewNames: readonly ViewName[] = ["graph", "timeline", "resources", "tasks"];

export type ConnectionState = "connecting" | "connected" | "lost" | "refused" | "no-token";

export const connection = signal<ConnectionState>("connecting");
export const runs = signal<readonly RunSummary[]>([]);
export const run = signal<RunView | undefined>(undefined);
/** Grows whenever `run` has changed inside. */
export const revision = signal(0);
export const view = signal<ViewName>("graph");
export const openTask = signal<number | undefined>(undefined);
export const search = signal("");
/** States that are shown; empty for all. */
export const stateFilter = signal<ReadonlySet<TaskStateName>>(new Set());
/** Words for the live region and the message line. */
export const announcement = signal("");
export const message = signal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);

let server: Connection | undefined;
let following: AbortController | undefined;
let describing = false;
/** Follow whatever run is newest, until somebody chooses one. */
let followNewest = true;

export function start(): void {
  readAddress();
  const token = takeToken();
  if (token === undefined) {
    connection.value = "no-token";
    return;
  }
  server = new Connection(token);
  follow(new URLSearchParams(location.hash.slice(1)).get("run") ?? undefined);
}

/** Shows another run, chosen by hand. */
export function chooseRun(id: string): void {
  followNewest = false;
  follow(id);
}

function follow(id: string | undefined): void {
  following?.abort();
  following = new AbortController();
  const { signal: stop } = following;
  const shown = id === undefined ? undefined : new RunView(id);
  batch(() => {
    if (run.value !== undefined && run.value.id !== id) openTask.value = undefined;
    run.value = shown;
    connection.value = "connecting";
  });
  writeAddress();
  const listener = {
    connected: () => (connection.value = "connected"),
    lost: () => (connection.value = "lost"),
    refused: (status: number) => refused(status, id),
    runs: ({ runs: list }: { readonly runs: readonly RunSummary[] }) => takeRuns(list),
    delta: (delta: Delta) => takeDelta(shown, delta),
  };
  void server!.follow(id, listener, stop);
}

function refused(status: number, id: string | undefined): void {
  // A run of a server before this one: look at what there is now.
  if (status === 404 && id !== undefined) {
    followNewest = true;
    follow(undefined);
  } else connection.value = "refused";
}

function takeRuns(list: readonly RunSummary[]): void {
  runs.value = list;
  const newest = list[0];
  if (run.value === undefined && newest !== undefined && followNewest) follow(newest.id);
}

function takeDelta(shown: RunView | undefined, delta: Delta): void {
  if (shown === undefined || run.value !== shown) return;
  const before = shown.summary?.state;
  shown.apply(delta);
  if (shown.described < delta.run.size) void describe(shown);
  const { state } = delta.run;
  if (before !== undefined && before !== state) announcement.value = `The run is now ${state}.`;
  announceFailures(shown);
  if (delta.partial !== true) revision.value++;
}

let announcedFailures = 0;
let announcedRun = "";

function announceFailures(shown: RunView): void {
  const failed = (shown.summary?.counts[6] ?? 0) + (shown.summary?.counts[7] ?? 0);
  if (announcedRun !== shown.id) announcedFailures = failed;
  announcedRun = shown.id;
  if (failed > announcedFailures) {
    const [group] = shown.glance?.failures ?? [];
    announcement.value = `${failed} failed${group === undefined ? "" : `: ${group.message}`}`;
  }
  announcedFailures = failed;
}

/** Fetches what the tasks are, from where it left off. */
async function describe(shown: RunView): Promise<void> {
  if (describing) return;
  describing = true;
  try {
    while (run.value === shown && shown.described < shown.total) {
      shown.describe(await server!.columns(shown.id, shown.described));
      revision.value++;
    }
  } catch {
    // The next delta tries again.
  } finally {
    describing = false;
  }
}

export function fetchDetail(runId: string, task: number): ReturnType<Connection["detail"]> {
  return server!.detail(runId, task);
}

export async function cancel(task?: number): Promise<void> {
  const shown = run.value;
  if (shown === undefined) return;
  const what = task === undefined ? "the run" : shown.taskId(task);
  await told(async () => {
    await server!.cancel(shown.id, task);
    return `Cancelling ${what}.`;
  });
}

/** Runs again what did not succeed (or one task, and what depends on it) as a new run, and shows that. */
export async function retry(task?: number): Promise<void> {
  const shown = run.value;
  if (shown === undefined) return;
  await told(async () => {
    const id = await server!.retry(shown.id, task);
    chooseRun(id);
    return `Running again as ${id}: what had succeeded is kept.`;
  });
}

async function told(action: () => Promise<string>): Promise<void> {
  try {
    const text = await action();
    message.value = { text, bad: false };
    announcement.value = text;
  } catch (error) {
    const why = error instanceof RefusedError ? error.message : "the server cannot be reached";
    message.value = { text: `That did not work: ${why}`, bad: true };
  }
}

export function openView(name: ViewName): void {
  view.value = name;
  writeAddress();
}

export function showTask(task: number | undefined): void {
  openTask.value = task;
  writeAddress();
}

export function toggleState(name: TaskStateName): void {
  const next = new Set(stateFilter.value);
  if (!next.delete(name)) next.add(name);
  stateFilter.value = next;
}

/** The address keeps what is shown, so that a reload shows the same. */
function writeAddress(): void {
  const parts = new URLSearchParams();
  if (run.value !== undefined) parts.set("run", run.value.id);
  if (view.value !== "graph") parts.set("view", view.value);
  if (openTask.value !== undefined) parts.set("task", String(openTask.value));
  history.replaceState(null, "", `${location.pathname}#${parts}`);
}

function readAddress(): void {
  const parts = new URLSearchParams(location.hash.slice(1));
  const named = viewNames.find((name) => name === parts.get("view"));
  if (named !== undefined) view.value = named;
  const task = parts.get("task");
  if (task !== null && /^\d+$/.test(task)) openTask.value = Number(task);
  if (parts.get("run") !== null) followNewest = false;
}
