/** The page: what everybody wants to know at the top, one of four views below, and the task that is open beside it. */
import { useEffect, useState } from "preact/hooks";
import { Glance } from "./glance.tsx";
import { GraphView } from "./graph-view.tsx";
import { Header } from "./header.tsx";
import { ResourcesView } from "./resources-view.tsx";
import { Help, useShortcuts } from "./shortcuts.tsx";
import { announcement, connection, message, openTask, openView, revision, run, view, viewNames } from "./store.ts";
import { TaskPanel } from "./task-panel.tsx";
import { TaskTable } from "./task-table.tsx";
import { TimelineView } from "./timeline-view.tsx";

const titles = { graph: "Graph", timeline: "Timeline", resources: "Resources", tasks: "Tasks" } as const;

export function App() {
  const [helping, setHelping] = useState(false);
  useShortcuts(setHelping);
  // The sequence that the page has reached, for whoever measures how far behind it is.
  useEffect(() => {
    document.documentElement.dataset.sequence = String(run.value?.sequence ?? -1);
    const { summary } = run.value ?? {};
    document.title = summary === undefined ? "orchestrator" : `${summary.graph}: ${summary.state}`;
  }, [revision.value, run.value]);
  const shown = run.value;
  return (
    <div class={`page ${openTask.value === undefined ? "" : "with-panel"}`}>
      <Notices />
      {shown?.summary === undefined ? (
        <Nothing />
      ) : (
        <>
          <Header onHelp={() => setHelping(true)} />
          <main class="body">
            <Glance />
            <section class="views" aria-label="Views">
              <div class="tabs" role="tablist" aria-label="Views">
                {viewNames.map((name, place) => (
                  <button
                    key={name}
                    type="button"
                    role="tab"
                    id={`tab-${name}`}
                    aria-selected={view.value === name}
                    aria-controls="view"
                    tabIndex={view.value === name ? 0 : -1}
                    onClick={() => openView(name)}
                    onKeyDown={(event) => moveTab(event, place)}
                  >
                    {titles[name]}
                  </button>
                ))}
              </div>
              <div class="view" id="view" role="tabpanel" aria-labelledby={`tab-${view.value}`}>
                {view.value === "graph" && <GraphView key={shown.id} shown={shown} />}
                {view.value === "timeline" && <TimelineView key={shown.id} shown={shown} />}
                {view.value === "resources" && <ResourcesView key={shown.id} shown={shown} />}
                {view.value === "tasks" && <TaskTable key={shown.id} shown={shown} />}
              </div>
            </section>
          </main>
          {openTask.value !== undefined && <TaskPanel key={openTask.value} task={openTask.value} shown={shown} />}
        </>
      )}
      {helping && <Help onClose={() => setHelping(false)} />}
      <div class="hidden" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </div>
  );
}

function moveTab(event: KeyboardEvent, place: number): void {
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const name = viewNames[(place + step + viewNames.length) % viewNames.length]!;
  openView(name);
  document.getElementById(`tab-${name}`)?.focus();
}

function Notices() {
  const told = message.value;
  return (
    <>
      {connection.value === "lost" && run.value?.summary !== undefined && (
        <div class={`notice ${run.value.summary.endedAt === undefined ? "warn" : ""}`}>
          {run.value.summary.endedAt === undefined
            ? "The connection is lost; trying again. What is shown is the last state that was told."
            : "The program that ran this has ended. What is shown is the last state."}
        </div>
      )}
      {told !== undefined && (
        <div class={`notice ${told.bad ? "bad" : "good"}`} role={told.bad ? "alert" : undefined}>
          {told.text}
          <button type="button" class="plain" onClick={() => (message.value = undefined)} aria-label="Dismiss">
            {"\u00d7"}
          </button>
        </div>
      )}
    </>
  );
}

const emptyWords = {
  connecting: ["Connecting", "Asking the server for its runs."],
  connected: ["No run yet", "The page shows the first one as soon as it starts."],
  lost: ["Nobody answers", "The program that served this page has ended or cannot be reached. Trying again."],
  refused: ["Refused", "The token is wrong. Open the address that the program printed."],
  "no-token": ["The token is missing", "Open the address that the program printed: the token is after its #."],
} as const;

function Nothing() {
  const [title, text] = emptyWords[connection.value];
  return (
    <main class="nothing">
      <h1>{title}</h1>
      <p>{text}</p>
    </main>
  );
}
