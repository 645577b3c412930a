/** Talks to the server: requests with the token in a header, and its events, taken up again where they broke off. */
import { createParser } from "eventsource-parser";
import type { Delta, RunList, TaskColumns, TaskDetail } from "../protocol.ts";

const tokenKey = "orchestrator-token";

/** Takes the token out of the address, where it could be seen, and keeps it for this tab. */
export function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token !== null) {
    sessionStorage.setItem(tokenKey, token);
    given.delete("token");
    const rest = given.toString();
    history.replaceState(null, "", location.pathname + (rest === "" ? "" : `#${rest}`));
  }
  return sessionStorage.getItem(tokenKey) ?? undefined;
}

export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface StreamListener {
  delta(delta: Delta): void;
  runs(list: RunList): void;
  connected(): void;
  /** The connection broke; it is tried again. */
  lost(): void;
  /** The server does not want this page: the token is wrong, or the run is gone. */
  refused(status: number): void;
}

const firstDelayMs = 500;
const longestDelayMs = 5000;

export class Connection {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  columns(runId: string, from: number): Promise<TaskColumns> {
    return this.#get(`/api/runs/${encodeURIComponent(runId)}/columns?from=${from}`);
  }

  detail(runId: string, task: number): Promise<TaskDetail> {
    return this.#get(`/api/runs/${encodeURIComponent(runId)}/tasks/${task}`);
  }

  cancel(runId: string, task?: number): Promise<unknown> {
    return this.#post(`${pathOf(runId, task)}/cancel`);
  }

  async retry(runId: string, task?: number): Promise<string> {
    const { runId: id } = await this.#post<{ runId: string }>(`${pathOf(runId, task)}/retry`);
    return id;
  }

  /** Follows a run, or the list of runs where none is named, until the signal is aborted. */
  async follow(runId: string | undefined, listener: StreamListener, signal: AbortSignal): Promise<void> {
    let lastEventId: string | undefined;
    let delay = firstDelayMs;
    while (!signal.aborted) {
      try {
        const response = await fetch(`/api/events${runId === undefined ? "" : `?run=${encodeURIComponent(runId)}`}`, {
          headers: { ...this.#headers(), ...(lastEventId !== undefined && { "last-event-id": lastEventId }) },
          signal,
        });
        if (!response.ok || response.body === null) return listener.refused(response.status);
        listener.connected();
        delay = firstDelayMs;
        await read(response.body, (event) => {
          if (event.id !== undefined) lastEventId = event.id;
          if (event.event === "runs") listener.runs(JSON.parse(event.data) as RunList);
          else if (event.event === "delta") listener.delta(JSON.parse(event.data) as Delta);
        });
      } catch {
        // Told below: the connection broke, or was given up.
      }
      if (signal.aborted) return;
      listener.lost();
      await new Promise((resolve) => setTimeout(resolve, delay));
      delay = Math.min(longestDelayMs, delay * 2);
    }
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}` };
  }

  async #get<Answer>(path: string): Promise<Answer> {
    return answerOf(await fetch(path, { headers: this.#headers() }));
  }

  async #post<Answer>(path: string): Promise<Answer> {
    const headers = { ...this.#headers(), "content-type": "application/json" };
    return answerOf(await fetch(path, { method: "POST", headers, body: "{}" }));
  }
}

function pathOf(runId: string, task: number | undefined): string {
  const run = `/api/runs/${encodeURIComponent(runId)}`;
  return task === undefined ? run : `${run}/tasks/${task}`;
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  const answer = (await response.json()) as Answer & { message?: string };
  if (response.ok) return answer;
  throw new RefusedError(response.status, answer.message ?? `the server answered ${response.status}`);
}

interface ReceivedEvent {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data: string;
}

async function read(body: ReadableStream<Uint8Array>, onEvent: (event: ReceivedEvent) => void): Promise<void> {
  const parser = createParser({ onEvent });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
  }
}
