/** The report of a run as one page that asks nothing of any other host, in light and dark. */
import type { Bound, RunAnalysis } from "../../core/analysis.js";
import type { JournalledRun } from "../../journal/read-journal.js";
import type { AttemptEndedEvent, RunEvent } from "../../model/event.js";
import { seconds } from "./task-lines.js";

const words: Readonly<Record<string, string>> = {
  work: "dependencies: a task ran that the next one needed",
  retries: "attempts that failed and were tried again",
  slots: "waited for a slot: as many attempts ran as may",
  workers: "waited for a worker, which was busy or had to start",
  cpu: "waited for CPU that others had declared",
  memory: "waited for memory that others had declared",
  engine: "the engine itself, and waits that nothing explains",
};

export function boundWords(bound: Bound): string {
  return words[bound] ?? `waited for ${bound}`;
}

/** Of one piece from start to end, whose task is named beside it. */
export function pieceWords(bound: Bound): string {
  return bound === "work" ? "ran" : boundWords(bound);
}

/** Slices of the timeline at most: the longest are drawn. */
const mostSlices = 3000;
const colours: Readonly<Record<string, string>> = { work: "work", retries: "bad", engine: "quiet" };

export function reportHtml(analysis: RunAnalysis, run: JournalledRun, events: readonly RunEvent[]): string {
  const { makespan, work, criticalPath, bounds, chain, workers, oneMoreWorker } = analysis;
  const time = (amount: number): string => escapeHtml(seconds(amount * 1000));
  const figures = [
    ["took", time(makespan)],
    ["critical path", time(criticalPath.seconds)],
    ["work of all attempts", time(work)],
    ["at once at most", `${workers.peak} of ${workers.limit}`],
    ["time worked", `${Math.round(workers.utilization * 100)} %`],
    ["with one more worker", `${oneMoreWorker.speedUp.toFixed(2)}× as fast`],
  ].map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`);
  const bar = bounds.map(
    ({ bound, share }) =>
      `<span class="${colours[bound] ?? "wait"}" style="flex:${share.toFixed(5)}" title="${escapeHtml(boundWords(bound))}"></span>`,
  );
  const boundRows = bounds.map(
    ({ bound, seconds: lost, share }) =>
      `<tr><td><i class="${colours[bound] ?? "wait"}"></i>${escapeHtml(boundWords(bound))}</td><td>${time(lost)}</td><td>${(share * 100).toFixed(1)} %</td></tr>`,
  );
  const chainRows = chain.map(
    ({ taskId, bound, start, seconds: took }) =>
      `<tr><td>${escapeHtml(taskId)}</td><td>${escapeHtml(pieceWords(bound))}</td><td>${time(start)}</td><td>${time(took)}</td></tr>`,
  );
  const pathRows = criticalPath.tasks.map(
    ({ taskId, seconds: took }) => `<tr><td>${escapeHtml(taskId)}</td><td>${time(took)}</td></tr>`,
  );
  const counts = Object.entries(run.counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(run.graph)}: report of ${escapeHtml(run.runId)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(run.graph)}</h1>
<p class="dim">${escapeHtml(run.runId)} · ${run.status} · ${run.taskCount} tasks: ${counts.join(", ")} · started ${clock(run.startedAt)}</p>
<dl>${figures.join("")}</dl>
<h2>What bounded it</h2>
<div class="bar" role="img" aria-label="Shares of the run by what bounded it; the table below has the figures">${bar.join("")}</div>
<table class="two"><thead><tr><th>what</th><th>time</th><th>share</th></tr></thead><tbody>${boundRows.join("")}</tbody></table>
<h2>Timeline by worker</h2>
${timeline(events, chain, analysis)}
<h2>From start to end</h2>
<p class="dim">The pieces lie end to end: shorten one, and the run is shorter, until something else bounds it.</p>
<table class="two"><thead><tr><th>task</th><th>what</th><th>at</th><th>took</th></tr></thead><tbody>${chainRows.join("")}</tbody></table>
<h2>Critical path of dependencies</h2>
<table><thead><tr><th>task</th><th>ran</th></tr></thead><tbody>${pathRows.join("")}</tbody></table>
</main>
</body>
</html>
`;
}

/** Date and time of day, which a reader of another zone can place. */
function clock(at: number): string {
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}

interface Slice {
  readonly taskId: string;
  readonly worker: string;
  readonly start: number;
  readonly end: number;
  readonly outcome: string;
}

const rowHeight = 22;
/** Shares of the width, in per cent. */
const wideEnoughForName = 6;

function timeline(events: readonly RunEvent[], chain: RunAnalysis["chain"], { makespan }: RunAnalysis): string {
  const startedAt = events[0]?.at ?? 0;
  const ended = events.filter((event): event is AttemptEndedEvent => event.type === "attempt-ended");
  const slices = ended.map(({ taskId, workerId, outcome, at, executionTime }): Slice => {
    const end = (at - startedAt) / 1000;
    return { taskId, worker: workerId, start: Math.max(0, end - executionTime), end, outcome };
  });
  const drawn = [...slices]
    .sort((left, right) => right.end - right.start - (left.end - left.start))
    .slice(0, mostSlices)
    .sort((left, right) => left.start - right.start);
  const rows = rowsOf(drawn);
  const onChain = new Set(chain.map(({ taskId }) => taskId));
  const percent = (amount: number): string => `${(makespan === 0 ? 0 : (amount / makespan) * 100).toFixed(3)}%`;
  const bars = rows.map(({ slices: row }) => {
    const inRow = row.map(({ taskId, start, end, outcome }) => {
      const kind = outcome === "succeeded" ? (onChain.has(taskId) ? "work" : "wait") : "bad";
      const title = escapeHtml(`${taskId}: ${outcome}, ${seconds((end - start) * 1000)}`);
      const name = makespan > 0 && ((end - start) / makespan) * 100 > wideEnoughForName ? escapeHtml(taskId) : "";
      return `<b class="${kind}" style="left:${percent(start)};width:${percent(end - start)}" title="${title}">${name}</b>`;
    });
    return `<div class="row">${inRow.join("")}</div>`;
  });
  const names = rows.map(({ name }) => `<span>${escapeHtml(name)}</span>`);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => `<span>${escapeHtml(seconds(makespan * share * 1000))}</span>`);
  const left = slices.length - drawn.length;
  const note = left > 0 ? `<p class="dim">The ${mostSlices} longest of ${slices.length} attempts.</p>` : "";
  const key = [
    ["work", "on the way from start to end"],
    ["wait", "others"],
    ["bad", "did not succeed"],
  ].map(([kind, meaning]) => `<span class="key"><i class="${kind}"></i>${meaning}</span>`);
  return `${note}<div class="timeline" role="img" aria-label="Attempts by worker over time"><div class="names">${names.join("")}</div><div class="rows">${bars.join("")}<div class="ticks">${ticks.join("")}</div></div></div>
<p class="dim">${key.join("")}</p>`;
}

/** Rows in which slices lie side by side: several for a worker that carries out several attempts at once. */
function rowsOf(slices: readonly Slice[]): { name: string; slices: Slice[] }[] {
  const rows = new Map<string, { name: string; slices: Slice[]; end: number }[]>();
  for (const slice of slices) {
    const lanes = rows.get(slice.worker) ?? [];
    rows.set(slice.worker, lanes);
    let lane = lanes.find(({ end }) => end <= slice.start + 1e-6);
    if (lane === undefined) {
      lane = { name: lanes.length === 0 ? slice.worker : "", slices: [], end: 0 };
      lanes.push(lane);
    }
    lane.slices.push(slice);
    lane.end = slice.end;
  }
  return [...rows.values()].flat();
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const style = `
:root { color-scheme: light dark; --text: #1c2330; --dim: #5b6675; --page: #fff; --line: #d9dee6; --card: #f5f7fa; --work: #2563c9; --wait: #93a4bd; --bad: #c2331f; --quiet: #c9d1dc; --on: #fff; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9f1; --dim: #9aa6b8; --page: #12161d; --line: #2b3340; --card: #1a202a; --work: #6ea3ff; --wait: #53627a; --bad: #ff7a66; --quiet: #323c4b; --on: #0c1017; } }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; }
.dim { color: var(--dim); margin: .2rem 0 1rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
dt { color: var(--dim); font-size: .85rem; } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 1.6rem; border-radius: 6px; overflow: hidden; gap: 2px; margin-bottom: .8rem; }
table { border-collapse: collapse; width: 100%; } th { color: var(--dim); font-weight: 500; text-align: left; }
td, th { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:last-child, th:last-child, .two td:nth-last-child(2), .two th:nth-last-child(2) { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { min-width: 4.5rem; } td + td, th + th { padding-left: .8rem; } td:last-child, th:last-child { padding-right: 0; }
i { display: inline-block; width: .75rem; height: .75rem; border-radius: 3px; margin: 0 .5rem 0 0; } .key { display: inline-block; margin-right: 1.2rem; }
.work { background: var(--work); } .wait { background: var(--wait); } .bad { background: var(--bad); } .quiet { background: var(--quiet); }
.timeline { display: flex; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; margin-bottom: .25rem; background: var(--card); }
.names { flex: none; padding: 0 .6rem; border-right: 1px solid var(--line); font-size: .8rem; color: var(--dim); }
.names span { display: block; height: ${rowHeight}px; line-height: ${rowHeight}px; } .rows { flex: 1; min-width: 0; }
.row { position: relative; height: ${rowHeight}px; overflow: hidden; } .row b { position: absolute; top: 3px; bottom: 3px; min-width: 1px; border-radius: 2px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; box-sizing: border-box; font-weight: 400; font-size: .72rem; line-height: ${rowHeight - 6}px; color: var(--on); }
.row .wait { color: var(--text); } .row b:not(:empty) { padding: 0 .35rem; }
.ticks { display: flex; justify-content: space-between; color: var(--dim); font-size: .75rem; font-variant-numeric: tabular-nums; border-top: 1px solid var(--line); padding: 0 .4rem; line-height: ${rowHeight}px; }
`;
