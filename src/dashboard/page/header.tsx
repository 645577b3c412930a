/** The head of the page: which run, how it stands, how far it is, and what can be done to it. */
import {
  type RunSummary,
  stateCode,
  stateMarks,
  statesByUrgency,
  stateWords,
  type TaskStateName,
  taskStates,
} from "../protocol.ts";
import { count, duration } from "./format.ts";
import { cancel, chooseRun, retry, revision, run, runs, stateFilter, toggleState } from "./store.ts";
import { theme, toggleTheme } from "./theme.ts";
import { useNow } from "./use-now.ts";

/** Left to right along the bar: what is done, then what moves, then what waits. */
const barOrder: readonly TaskStateName[] = [
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "skipped",
  "running",
  "suspended",
  "retrying",
  "ready",
  "waiting",
];

export function Header({ onHelp }: { readonly onHelp: () => void }) {
  revision.value;
  const shown = run.value!;
  const summary = shown.summary!;
  return (
    <header class="head">
      <div class="head-line">
        <h1>
          <bdi>{summary.graph}</bdi>
        </h1>
        <StatePill summary={summary} />
        <Times />
        <span class="spring" />
        {runs.value.length > 1 && <RunPicker current={summary.id} />}
        {summary.canRetry && (
          <button
            type="button"
            class="button"
            onClick={() => void retry()}
            title="Runs again, as a new run, what did not succeed"
          >
            {"\u21bb"} Retry failed
          </button>
        )}
        {summary.canCancel && (
          <button type="button" class="button danger" onClick={() => void cancel()}>
            {"\u25a0"} Cancel run
          </button>
        )}
        <button
          type="button"
          class="button icon"
          onClick={toggleTheme}
          aria-label={`Switch to ${theme.value === "dark" ? "light" : "dark"} colours`}
        >
          {theme.value === "dark" ? "\u2600" : "\u263e"}
        </button>
        <button type="button" class="button icon" onClick={onHelp} aria-label="Keyboard shortcuts">
          ?
        </button>
      </div>
      <Progress summary={summary} />
    </header>
  );
}

const pillMarks = {
  waiting: "\u00b7",
  running: "\u25b6",
  cancelling: "\u25a0",
  succeeded: "\u2713",
  failed: "\u2717",
  cancelled: "\u25a0",
} as const;

function StatePill({ summary: { state, counts } }: { readonly summary: RunSummary }) {
  const failed = counts[stateCode.failed]! + counts[stateCode["timed-out"]]!;
  const troubled = state === "running" && failed > 0;
  return (
    <span class={`pill ${troubled ? "running troubled" : state}`}>
      <span aria-hidden="true">{pillMarks[state]} </span>
      {state}
      {troubled && `, ${count(failed)} failed`}
    </span>
  );
}

function Times() {
  const shown = run.value!;
  useNow(shown.summary!.endedAt === undefined);
  const { remaining } = shown.glance ?? {};
  const { reused } = shown.summary!;
  return (
    <span class="times">
      <span class="number">{duration(shown.now())}</span>
      {remaining !== undefined && shown.summary!.state === "running" && (
        <span class="muted"> about {duration(remaining * 1000)} left</span>
      )}
      {reused !== undefined && <span class="muted"> resumed, {count(reused)} done before</span>}
    </span>
  );
}

function RunPicker({ current }: { readonly current: string }) {
  return (
    <label class="picker">
      <span class="hidden">Run</span>
      <select value={current} onChange={(event) => chooseRun(event.currentTarget.value)}>
        {runs.value.map((other) => (
          <option key={other.id} value={other.id}>
            {`${other.graph} \u00b7 ${other.id.slice(0, 24)} \u00b7 ${other.state}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Progress({ summary: { counts, size } }: { readonly summary: RunSummary }) {
  const done = counts.slice(stateCode.succeeded).reduce((sum, each) => sum + each, 0);
  const parts = barOrder.filter((name) => counts[stateCode[name]]! > 0);
  return (
    <div class="progress">
      <div
        class="bar"
        role="progressbar"
        aria-label="Tasks that have ended"
        aria-valuemin={0}
        aria-valuemax={size}
        aria-valuenow={done}
        aria-valuetext={`${count(done)} of ${count(size)} tasks have ended`}
      >
        {parts.map((name) => (
          <span key={name} class={`part ${name}`} style={{ flexGrow: counts[stateCode[name]]! }} />
        ))}
      </div>
      <div class="legend">
        <span class="number total">
          {count(done)} of {count(size)}
        </span>
        {statesByUrgency
          .filter((name) => counts[stateCode[name]]! > 0)
          .map((name) => (
            <button
              key={name}
              type="button"
              class={`chip ${name}`}
              aria-pressed={stateFilter.value.has(name)}
              title={`Show ${stateWords[name]} tasks`}
              onClick={() => toggleState(name)}
            >
              <span class="mark" aria-hidden="true">
                {stateMarks[name]}
              </span>
              <span class="number">{count(counts[taskStates.indexOf(name)]!)}</span> {stateWords[name]}
            </button>
          ))}
      </div>
    </div>
  );
}
