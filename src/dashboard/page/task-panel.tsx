/** One task: how it stands, why, what it wrote, what it gave, each attempt, and what it hangs together with. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  type AttemptDetail,
  type ErrorDetail,
  type LogLine,
  stateMarks,
  stateWords,
  type TaskDetail,
  taskStates,
} from "../protocol.ts";
import { count, duration } from "./format.ts";
import { TaskLink } from "./glance.tsx";
import type { RunView } from "./run-view.ts";
import { cancel, fetchDetail, retry, revision, showTask } from "./store.ts";
import { useNow } from "./use-now.ts";

interface TaskProps {
  readonly task: number;
  readonly shown: RunView;
}

/** The task's details, asked for again when it has changed, and while it runs. */
function useDetail({ task, shown }: TaskProps): TaskDetail | undefined {
  const [detail, setDetail] = useState<TaskDetail>();
  const asked = useRef({ busy: false, again: false });
  useEffect(() => {
    let over = false;
    const ask = async (): Promise<void> => {
      if (asked.current.busy) {
        asked.current.again = true;
        return;
      }
      asked.current.busy = true;
      try {
        const answer = await fetchDetail(shown.id, task);
        if (!over) setDetail(answer);
      } catch {
        // The connection is lost, which the page tells already.
      }
      asked.current.busy = false;
      if (asked.current.again && !over) {
        asked.current.again = false;
        setTimeout(() => void ask(), 250);
      }
    };
    void ask();
    return () => {
      over = true;
    };
  }, [task, shown, revision.value]);
  return detail;
}

export function TaskPanel({ task, shown }: TaskProps) {
  revision.value;
  const detail = useDetail({ task, shown });
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const state = taskStates[shown.state[task]!]!;
  useNow(!shown.isEnded(task));
  return (
    <aside class="panel" aria-labelledby="panel-title">
      <div class="panel-head">
        <h2 id="panel-title" tabIndex={-1} ref={heading}>
          <bdi>{shown.taskId(task)}</bdi>
        </h2>
        <button type="button" class="button icon" aria-label="Close the task" onClick={() => showTask(undefined)}>
          {"\u00d7"}
        </button>
      </div>
      <div class="panel-body">
        <p class="panel-state">
          <span class={`tag ${state}`}>
            <span aria-hidden="true">{stateMarks[state]}</span> {stateWords[state]}
          </span>
          {detail?.told !== undefined && <bdi class="told">{detail.told}</bdi>}
          <Buttons task={task} shown={shown} />
        </p>
        <Facts task={task} shown={shown} />
        {detail !== undefined && <Found shown={shown} detail={detail} />}
      </div>
    </aside>
  );
}

function Buttons({ task, shown }: TaskProps) {
  const { canCancel, canRetry } = shown.summary!;
  const state = taskStates[shown.state[task]!]!;
  const ended = shown.isEnded(task);
  const child = shown.parents[task]! >= 0;
  return (
    <span class="buttons">
      {canCancel && !ended && (
        <button
          type="button"
          class="button danger"
          onClick={() => void cancel(task)}
          disabled={child}
          title={child ? "Added by a task: cancel that one" : undefined}
        >
          {"\u25a0"} Cancel task
        </button>
      )}
      {canRetry && ended && state !== "succeeded" && !child && (
        <button
          type="button"
          class="button"
          title="Runs it and what depends on it again, as a new run; what had succeeded is kept"
          onClick={() => void retry(task)}
        >
          {"\u21bb"} Retry
        </button>
      )}
    </span>
  );
}

function Facts({ task, shown }: TaskProps) {
  const now = shown.now();
  const facts: [string, string][] = [];
  const add = (name: string, value: string): void => void (value !== "" && facts.push([name, value]));
  add("Kind", shown.kindName(task) === shown.taskId(task) ? "" : shown.kindName(task));
  add("Worker", shown.workerName(task));
  add("Attempts", shown.attempts[task]! > 0 ? String(shown.attempts[task]) : "");
  add("Waited", duration(shown.waited(task, now)));
  add("Ran", duration(shown.ran(task, now)));
  add("Started", shown.startedAt[task]! < 0 ? "" : `${duration(shown.startedAt[task]!)} into the run`);
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Found({ shown, detail }: { readonly shown: RunView; readonly detail: TaskDetail }) {
  const { error, reason, root, output, log, droppedLines, attempts, dependencies, dependents, dependentCount } = detail;
  return (
    <>
      {detail.forgotten && (
        <p class="muted">Its log, output and error were dropped to bound the memory of this page's server.</p>
      )}
      {error !== undefined && (
        <Section title="Why">
          <ErrorText error={error} />
          {reason !== undefined && (
            <p class="muted">
              Reason: <bdi>{reason}</bdi>
            </p>
          )}
          {root !== undefined && (
            <p>
              It began in <TaskLink shown={shown} task={root} />
            </p>
          )}
        </Section>
      )}
      {log.length > 0 && (
        <Section title="Log">
          <Log lines={log} dropped={droppedLines} />
        </Section>
      )}
      {output !== undefined && (
        <Section title="Output">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it */}
          <pre role="region" tabIndex={0} aria-label="Output">
            {output}
          </pre>
        </Section>
      )}
      {attempts.length > 0 && (
        <Section title={attempts.length === 1 ? "Attempt" : "Attempts"}>
          <ol class="attempts">
            {attempts.map((attempt) => (
              <Attempt key={attempt.attempt} attempt={attempt} whole={attempts.length > 1} />
            ))}
          </ol>
        </Section>
      )}
      <Neighbours shown={shown} title="Depends on" tasks={dependencies} all={dependencies.length} />
      <Neighbours shown={shown} title="Needed by" tasks={dependents} all={dependentCount} />
    </>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function ErrorText({ error, depth = 0 }: { readonly error: ErrorDetail; readonly depth?: number }) {
  const { name, message, code, stack, cause } = error;
  const frames = stack?.slice(stack.indexOf("\n    at ") + 1) ?? "";
  return (
    <div class={`error ${depth > 0 ? "cause" : ""}`}>
      <p class="error-message">
        {depth > 0 && <span class="muted">because </span>}
        <bdi>{message === "" ? name : message}</bdi>
      </p>
      <p class="muted">
        <bdi>
          {name}
          {code !== undefined && ` \u00b7 ${code}`}
        </bdi>
      </p>
      {frames.startsWith("    at ") && (
        <details>
          <summary>Stack</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it */}
          <pre role="region" tabIndex={0} aria-label="Stack">
            {frames}
          </pre>
        </details>
      )}
      {cause !== undefined && <ErrorText error={cause} depth={depth + 1} />}
    </div>
  );
}

function Log({ lines, dropped }: { readonly lines: readonly LogLine[]; readonly dropped: number }) {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current) box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines]);
  const follow = (): void => {
    // A scroll is told late: the box may be gone by then.
    if (box.current === null) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    atEnd.current = scrollTop + clientHeight > scrollHeight - 20;
  };
  return (
    <>
      {dropped > 0 && <p class="muted">{count(dropped)} earlier pieces were dropped.</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it */}
      <pre class="log" role="region" tabIndex={0} aria-label="Log" ref={box} onScroll={follow}>
        {lines.map((line, place) => (
          <span key={place} class={line.stream}>
            {line.text.endsWith("\n") ? line.text : `${line.text}\n`}
          </span>
        ))}
      </pre>
    </>
  );
}

function Attempt({ attempt, whole }: { readonly attempt: AttemptDetail; readonly whole: boolean }) {
  const { outcome = "running", workerId, startedAt, endedAt, facts = [], error, retryAt } = attempt;
  return (
    <li>
      <p>
        <strong>{attempt.attempt}</strong> {outcome.replace("-", " ")} on <bdi>{workerId}</bdi>
        {endedAt !== undefined && <span class="number"> {duration(endedAt - startedAt)}</span>}
        {retryAt !== undefined && endedAt !== undefined && (
          <span class="muted"> next after {duration(retryAt - endedAt)}</span>
        )}
      </p>
      {whole && error !== undefined && (
        <p class="error-message">
          <bdi>{error.message}</bdi>
        </p>
      )}
      {facts.length > 0 && (
        <p class="muted">
          <bdi>{facts.map(([name, value]) => `${name}: ${value}`).join(" \u00b7 ")}</bdi>
        </p>
      )}
    </li>
  );
}

interface NeighboursProps {
  readonly shown: RunView;
  readonly title: string;
  readonly tasks: readonly number[];
  readonly all: number;
}

function Neighbours({ shown, title, tasks, all }: NeighboursProps) {
  const [open, setOpen] = useState(false);
  if (tasks.length === 0) return null;
  const listed = open ? tasks : tasks.slice(0, 8);
  return (
    <Section title={`${title} ${all}`}>
      <ul class="neighbours">
        {listed.map((task) => {
          const state = taskStates[shown.state[task]!]!;
          return (
            <li key={task}>
              <span class={`mark ${state}`} role="img" aria-label={stateWords[state]}>
                {stateMarks[state]}
              </span>
              <TaskLink shown={shown} task={task} />
            </li>
          );
        })}
      </ul>
      {tasks.length > listed.length && (
        <button type="button" class="link muted" onClick={() => setOpen(true)}>
          and {count(all - listed.length)} more
        </button>
      )}
    </Section>
  );
}
