/** All tasks in a table: filtered, sorted, and only those rows in the document that can be seen. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { stateMarks, statesByUrgency, stateWords, taskStates, urgency } from "../protocol.ts";
import { count, duration } from "./format.ts";
import { codesOf, matcher } from "./navigation.ts";
import type { RunView } from "./run-view.ts";
import { openTask, revision, search, showTask, stateFilter, toggleState } from "./store.ts";

const rowHeight = 30;
const overscan = 8;

type ColumnName = "state" | "task" | "attempts" | "waited" | "ran" | "worker" | "note";

interface TableColumn {
  readonly name: ColumnName;
  readonly title: string;
  readonly compare: (shown: RunView, now: number) => (left: number, right: number) => number;
}

const text = (of: (shown: RunView, task: number) => string) => (shown: RunView) => (left: number, right: number) =>
  of(shown, left) < of(shown, right) ? -1 : of(shown, left) > of(shown, right) ? 1 : 0;
const number =
  (of: (shown: RunView, task: number, now: number) => number) =>
  (shown: RunView, now: number) =>
  (left: number, right: number) =>
    of(shown, right, now) - of(shown, left, now);

const columns: readonly TableColumn[] = [
  {
    name: "state",
    title: "State",
    compare: (shown) => (left, right) => urgency[shown.state[left]!]! - urgency[shown.state[right]!]!,
  },
  { name: "task", title: "Task", compare: text((shown, task) => shown.taskId(task)) },
  { name: "attempts", title: "Attempts", compare: number((shown, task) => shown.attempts[task]!) },
  { name: "waited", title: "Waited", compare: number((shown, task, now) => shown.waited(task, now)) },
  { name: "ran", title: "Ran", compare: number((shown, task, now) => shown.ran(task, now)) },
  { name: "worker", title: "Worker", compare: text((shown, task) => shown.workerName(task)) },
  { name: "note", title: "Why", compare: text((shown, task) => shown.noteText(task)) },
];

interface Sorting {
  readonly column: ColumnName;
  readonly reversed: boolean;
}

/** The rows, in order. Sorting 100,000 takes a while, so a table of many is ordered again once a second at most. */
function useRows(shown: RunView, { column, reversed }: Sorting): Uint32Array {
  const many = shown.size > 20_000;
  const beat = many ? Math.floor(Date.now() / 1000) : revision.value;
  const ended = shown.summary?.endedAt;
  return useMemo(() => {
    const codes = codesOf(stateFilter.value);
    const matches = matcher(shown, search.value);
    const rows = new Uint32Array(shown.size);
    let length = 0;
    for (let task = 0; task < shown.size; task++)
      if ((codes === undefined || codes.has(shown.state[task]!)) && (matches === undefined || matches(task)))
        rows[length++] = task;
    const compare = columns.find(({ name }) => name === column)!.compare(shown, shown.now());
    const found = rows.subarray(0, length);
    found.sort((left, right) => compare(left, right) || left - right);
    return reversed ? found.reverse() : found;
  }, [shown, shown.size, shown.described, beat, ended, column, reversed, stateFilter.value, search.value]);
}

export function TaskTable({ shown }: { readonly shown: RunView }) {
  revision.value;
  const [sorting, setSorting] = useState<Sorting>({ column: "state", reversed: false });
  const rows = useRows(shown, sorting);
  return (
    <div class="table-view">
      <Filters shown={shown} found={rows.length} />
      <Rows shown={shown} rows={rows} sorting={sorting} setSorting={setSorting} />
    </div>
  );
}

function Filters({ shown, found }: { readonly shown: RunView; readonly found: number }) {
  return (
    <div class="filters">
      <SearchBox />
      <div class="chips" role="group" aria-label="States that are shown">
        {statesByUrgency
          .filter((name) => shown.summary!.counts[taskStates.indexOf(name)]! > 0 || stateFilter.value.has(name))
          .map((name) => (
            <button
              key={name}
              type="button"
              class={`chip small ${name}`}
              aria-pressed={stateFilter.value.has(name)}
              onClick={() => toggleState(name)}
            >
              <span class="mark" aria-hidden="true">
                {stateMarks[name]}
              </span>{" "}
              {stateWords[name]}
            </button>
          ))}
      </div>
      <span class="muted number" role="status">
        {count(found)} of {count(shown.size)}
      </span>
    </div>
  );
}

export function SearchBox() {
  return (
    <label class="search">
      <span class="hidden">Search tasks</span>
      <input
        type="search"
        placeholder="Search task, kind, worker or error  ( / )"
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
    </label>
  );
}

interface RowsProps {
  readonly shown: RunView;
  readonly rows: Uint32Array;
  readonly sorting: Sorting;
  readonly setSorting: (sorting: Sorting) => void;
}

function Rows({ shown, rows, sorting, setSorting }: RowsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [focused, setFocused] = useState(0);
  // Keys come faster than the table is drawn.
  const latest = useRef(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setHeight(entry!.contentRect.height));
    observer.observe(scroller.current!);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / rowHeight) - overscan);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + overscan);
  const now = shown.now();

  const move = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 2);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const next =
      event.key === "Home"
        ? 0
        : event.key === "End"
          ? rows.length - 1
          : latest.current + (steps[event.key] ?? Number.NaN);
    if (event.key === "Enter" && rows[latest.current] !== undefined) showTask(rows[latest.current]);
    if (Number.isNaN(next)) return;
    event.preventDefault();
    const row = Math.min(rows.length - 1, Math.max(0, next));
    latest.current = row;
    setFocused(row);
    const body = scroller.current!;
    const bottom = body.clientHeight - 2 * rowHeight;
    if (row * rowHeight < body.scrollTop) body.scrollTop = row * rowHeight;
    else if (row * rowHeight > body.scrollTop + bottom) body.scrollTop = row * rowHeight - bottom;
  };

  return (
    <div
      class="table"
      role="grid"
      aria-label="Tasks"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={rows.length > 0 && focused >= first && focused < last ? `row-${focused}` : undefined}
      tabIndex={0}
      ref={scroller}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={move}
    >
      <div class="row titles" role="row" aria-rowindex={1}>
        {columns.map(({ name, title }) => (
          <div
            key={name}
            class={`cell ${name}`}
            role="columnheader"
            aria-sort={sorting.column === name ? (sorting.reversed ? "descending" : "ascending") : "none"}
          >
            <button
              type="button"
              class="plain"
              onClick={() => setSorting({ column: name, reversed: sorting.column === name && !sorting.reversed })}
            >
              {title}
              {sorting.column === name && <span aria-hidden="true">{sorting.reversed ? " \u2191" : " \u2193"}</span>}
            </button>
          </div>
        ))}
      </div>
      <div class="rows" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        {Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place).map((row) => (
          <Row key={rows[row]} shown={shown} task={rows[row]!} row={row} now={now} focused={row === focused} />
        ))}
      </div>
      {rows.length === 0 && <p class="empty">No task is as you asked.</p>}
    </div>
  );
}

interface RowProps {
  readonly shown: RunView;
  readonly task: number;
  readonly row: number;
  readonly now: number;
  readonly focused: boolean;
}

function Row({ shown, task, row, now, focused }: RowProps) {
  const state = taskStates[shown.state[task]!]!;
  const open = openTask.value === task;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys of all rows
    <div
      class={`row ${state} ${focused ? "focused" : ""} ${open ? "open" : ""}`}
      id={`row-${row}`}
      role="row"
      aria-rowindex={row + 2}
      aria-selected={open}
      style={{ transform: `translateY(${row * rowHeight}px)` }}
      onClick={() => showTask(task)}
    >
      <div class="cell state" role="gridcell">
        <span class={`mark ${state}`} aria-hidden="true">
          {stateMarks[state]}
        </span>{" "}
        {stateWords[state]}
      </div>
      <div class="cell task" role="gridcell">
        <bdi>{shown.taskId(task)}</bdi>
      </div>
      <div class="cell attempts number" role="gridcell">
        {shown.attempts[task]! > 0 ? shown.attempts[task] : ""}
      </div>
      <div class="cell waited number" role="gridcell">
        {duration(shown.waited(task, now))}
      </div>
      <div class="cell ran number" role="gridcell">
        {duration(shown.ran(task, now))}
      </div>
      <div class="cell worker" role="gridcell">
        <bdi>{shown.workerName(task)}</bdi>
      </div>
      <div class="cell note" role="gridcell">
        <bdi>{shown.noteText(task)}</bdi>
      </div>
    </div>
  );
}
