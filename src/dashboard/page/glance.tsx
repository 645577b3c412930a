/** The two seconds: what holds the run back, what runs (what is stuck first), what failed and why. */
import { type Glance as GlanceData, holdingTitles } from "../protocol.ts";
import { count, duration } from "./format.ts";
import type { RunView } from "./run-view.ts";
import { openView, revision, run, search, showTask, stateFilter } from "./store.ts";
import { useNow } from "./use-now.ts";

export function Glance() {
  revision.value;
  const shown = run.value!;
  const { glance } = shown;
  if (glance === undefined) return <aside class="glance" aria-label="At a glance" />;
  return (
    <aside class="glance" aria-label="At a glance">
      <Holding shown={shown} holding={glance.holding} />
      {glance.failures.length > 0 && <Failures shown={shown} failures={glance.failures} />}
      {glance.running.length > 0 && <Running shown={shown} running={glance.running} />}
    </aside>
  );
}

function Holding({ shown, holding }: { readonly shown: RunView; readonly holding: GlanceData["holding"] }) {
  const { kind, sentence, tasks } = holding;
  const title = kind === "ended" ? `Ended: ${shown.summary!.state}` : holdingTitles[kind];
  return (
    <section class={`card holding ${kind} ${shown.summary!.state}`} aria-labelledby="holding-title">
      <h2 id="holding-title">{title}</h2>
      <p>
        <bdi>{sentence}</bdi>
      </p>
      {tasks.length > 0 && (
        <p class="links">
          {tasks.slice(0, 3).map((task) => (
            <TaskLink key={task} shown={shown} task={task} />
          ))}
        </p>
      )}
    </section>
  );
}

export function TaskLink({ shown, task }: { readonly shown: RunView; readonly task: number }) {
  return (
    <button type="button" class="link" onClick={() => showTask(task)}>
      <bdi>{shown.taskId(task)}</bdi>
    </button>
  );
}

function Failures({ shown, failures }: { readonly shown: RunView; readonly failures: GlanceData["failures"] }) {
  return (
    <section class="card failures" aria-labelledby="failures-title">
      <h2 id="failures-title">What failed, and why</h2>
      <ul>
        {failures.map(({ message, count: times, tasks }) => (
          <li key={message}>
            <div class="why">
              <bdi>{message}</bdi>
            </div>
            <div class="who">
              <TaskLink shown={shown} task={tasks[0]!} />
              {times > 1 && (
                <button type="button" class="link muted" onClick={() => showAll(message)}>
                  and {count(times - 1)} more
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function showAll(words: string): void {
  search.value = words;
  stateFilter.value = new Set();
  openView("tasks");
}

function Running({ shown, running }: { readonly shown: RunView; readonly running: GlanceData["running"] }) {
  useNow(true);
  const now = shown.now();
  const all = shown.summary!.counts[2]!;
  return (
    <section class="card now" aria-labelledby="running-title">
      <h2 id="running-title">Running now</h2>
      <ul>
        {running.map(({ task, told, slow }) => (
          <li key={task} class={slow === undefined ? "" : "slow"}>
            <TaskLink shown={shown} task={task} />
            <span class="number">{duration(now - shown.startedAt[task]!)}</span>
            {told !== undefined && (
              <span class="told">
                <bdi>{told}</bdi>
              </span>
            )}
            {slow !== undefined && (
              <span class="slow-words">
                {"\u26a0"} slow: {slow}
              </span>
            )}
          </li>
        ))}
      </ul>
      {all > running.length && <p class="muted">and {count(all - running.length)} more</p>}
    </section>
  );
}
