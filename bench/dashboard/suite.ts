/** The live page on a run of 100,000 tasks: how far behind it is, what it takes of the browser, and what it costs the run. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import type { Subject } from "./subject.js";
import { type Seen, Watcher } from "./watcher.js";

const size = 100_000;
const rounds = 3;
const mostLagMs = 2000;
const mostHeapBytes = 300e6;

const works = ["2 ms", "no-op"] as const;
const views = { graph: "1", timeline: "2", tasks: "4" } as const;

interface Watched {
  readonly work: string;
  readonly view: string;
  readonly lags: readonly number[];
  readonly changes: number;
  readonly heapBytes: number;
  readonly subject: Subject;
}

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const shell = { order: 7, title: "The live page" };
  if (!existsSync("/usr/bin/chromium"))
    return { ...shell, method: "Skipped: there is no Chromium.", goals: [], tables: [] };
  const all: Watched[] = [];
  const unwatched = new Map<string, number>();
  for (const work of works.filter((name) => only.length === 0 || only.includes(name))) {
    const alone: number[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(await runAlone(work));
      for (const [view, key] of Object.entries(views)) {
        const watched = await watch(work, view, key);
        all.push(watched);
        log(
          `${work}, ${view}: lag ${ms(median(watched.lags))} at the median, ${ms(Math.max(...watched.lags))} at worst`,
        );
      }
    }
    unwatched.set(work, median(alone));
  }
  const worstLag = Math.max(...all.flatMap(({ lags }) => lags));
  const mostHeap = Math.max(...all.map(({ heapBytes }) => heapBytes));
  const goals = [
    {
      what: `${size.toLocaleString("en")} tasks: how far the page is behind, at worst`,
      goal: `under ${ms(mostLagMs)}`,
      measured: ms(worstLag),
      met: worstLag < mostLagMs,
    },
    {
      what: `${size.toLocaleString("en")} tasks: memory of the page`,
      goal: `under ${mb(mostHeapBytes)}`,
      measured: mb(mostHeap),
      met: mostHeap < mostHeapBytes,
    },
  ];
  return { ...shell, method, goals, tables: [tableOf(all, unwatched)] };
}

const method = `A run of ${size.toLocaleString("en")} functions in ${100} chains, 64 at once, in a program with the page's server, and Debian's
Chromium beside it, which has the page open from before the run until after it, in ${rounds} rounds. The lag is taken of every
hundredth event: from when the run came to it until the page showed a state that includes it. Memory is the page's JavaScript heap with its
arrays and its document, after a collection.`;

function tableOf(all: readonly Watched[], unwatched: ReadonlyMap<string, number>) {
  const rows = [...unwatched].flatMap(([work, alone]) =>
    Object.keys(views).map((view) => {
      const some = all.filter((watched) => watched.work === work && watched.view === view);
      const lags = some.flatMap((watched) => watched.lags).sort((left, right) => left - right);
      return [
        `${work}, ${view}`,
        ms(median(lags)),
        ms(lags[Math.floor(lags.length * 0.99)]!),
        ms(lags.at(-1)!),
        String(median(some.map(({ changes }) => changes))),
        mb(Math.max(...some.map(({ heapBytes }) => heapBytes))),
        median(some.map(({ subject }) => subject.seconds)).toFixed(2),
        alone.toFixed(2),
      ];
    }),
  );
  const head = ["tasks, view", "lag p50", "p99", "worst", "changes shown", "page", "seconds of the run", "unwatched"];
  return { title: `${size.toLocaleString("en")} tasks`, head, rows };
}

async function runAlone(work: string): Promise<number> {
  const { child, next } = start("nobody", work);
  await next<{ url: string }>();
  child.stdin!.write("go\n");
  return (await next<Subject>()).seconds;
}

async function watch(work: string, view: string, key: string): Promise<Watched> {
  const { child, next } = start("dashboard", work);
  const { url } = await next<{ url: string }>();
  const watcher = await Watcher.open(url, key);
  try {
    child.stdin!.write("go\n");
    const subject = await next<Subject>();
    const { shown, heapBytes } = await watcher.seen(subject.lastSequence);
    return { work, view, lags: lagsOf(subject, shown), changes: shown.length, heapBytes, subject };
  } finally {
    await watcher.close();
    child.stdin!.write("end\n");
  }
}

/** For each event that was noted, how long after it the page showed a state that includes it. */
function lagsOf({ reached }: Subject, shown: Seen["shown"]): number[] {
  let place = 0;
  return reached.map((at, hundred) => {
    while (shown[place]![0] < hundred * 100) place++;
    return shown[place]![1] - at;
  });
}

function start(watcher: string, work: string): { child: ChildProcess; next: <Line>() => Promise<Line> } {
  const path = fileURLToPath(new URL("./subject.js", import.meta.url));
  const child = spawn(process.execPath, [path, watcher, work, String(size)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async <Line>(): Promise<Line> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the program with the run ended early, with exit code ${child.exitCode}`);
    return JSON.parse(value) as Line;
  };
  return { child, next };
}

function ms(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
