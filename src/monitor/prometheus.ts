/** The figures of a monitor in the text format of Prometheus (version 0.0.4), for a scraper. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecutionMonitor } from "./execution-monitor.js";
import type { NamedTaskMetrics } from "./metrics.js";

/** Upper bounds of the buckets: 2 to these powers, in seconds, from about 1 ms to over an hour. */
const bucketExponents = [-10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10, 12];

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The monitor's figures since it was made, as `/metrics` of a server gives them. Names and labels are listed in
 * docs/monitoring.md.
 *
 * @example
 * const monitor = new ExecutionMonitor();
 * const text = prometheusText(monitor);
 */
export function prometheusText(monitor: ExecutionMonitor): string {
  const metrics = monitor.getMetrics();
  const { byName, resourceUtilization, pools } = metrics;
  const text = new Exposition();
  const perName = (value: (figures: NamedTaskMetrics) => number): Sample[] =>
    byName.map((figures) => [{ name: figures.name }, value(figures)]);
  const resources = Object.entries(resourceUtilization);
  text.add("tasks_total", "counter", "Tasks that ended, by kind and how.", () =>
    byName.flatMap(({ name, ended }) =>
      Object.entries(ended).map(([status, value]): Sample => [{ name, status }, value]),
    ),
  );
  text.add("attempts_total", "counter", "Attempts that ended.", () => perName(({ attempts }) => attempts));
  text.add("attempt_retries_total", "counter", "Attempts that were followed by another.", () =>
    perName(({ retries }) => retries),
  );
  text.add("attempt_timeouts_total", "counter", "Attempts that ran into a timeout.", () =>
    perName(({ timeouts }) => timeouts),
  );
  text.add("attempts_lost_total", "counter", "Attempts whose worker died of another's fault.", () =>
    perName(({ lost }) => lost),
  );
  text.histograms(monitor);
  text.add("attempt_cpu_seconds_total", "counter", "CPU of attempts whose runner can tell.", () =>
    perName(({ usage }) => usage.cpuSeconds),
  );
  text.add("attempt_memory_peak_bytes", "gauge", "Highest resident memory of any attempt.", () =>
    perName(({ usage }) => usage.peakBytes),
  );
  text.add("cache_requests_total", "counter", "Attempts that asked a cache, by what it gave.", () =>
    byName.flatMap(({ name, cache: { hits, stale, joined, misses } }) =>
      Object.entries({ hit: hits, stale, joined, miss: misses }).map(
        ([result, value]): Sample => [{ name, result }, value],
      ),
    ),
  );
  text.add("batch_items_total", "counter", "Attempts that were served in batches.", () =>
    perName(({ batch }) => batch.items),
  );
  text.add("batches_total", "counter", "Batches that served attempts.", () => perName(({ batch }) => batch.batches));
  text.add("sandbox_starts_total", "counter", "Sandboxes that attempts ran in, by whether one stood ready.", () =>
    byName.flatMap(({ name, sandbox: { warm, cold } }) =>
      Object.entries({ warm, cold }).map(([start, value]): Sample => [{ name, start }, value]),
    ),
  );
  text.add("tasks_ready", "gauge", "Tasks that could start and wait for the limits.", () => [[{}, metrics.ready]]);
  text.add("attempts_running", "gauge", "Attempts that hold a slot.", () => [[{}, metrics.running]]);
  text.add("runs_in_progress", "gauge", "Runs in progress.", () => [[{}, metrics.runs.length]]);
  text.add("active_seconds_total", "counter", "Time in which a run was in progress.", () => [[{}, metrics.activeTime]]);
  text.add("resource_used", "gauge", "What attempts hold: attempts, cores, bytes, or the resource's own unit.", () =>
    resources.map(([resource, { now }]) => [{ resource }, now]),
  );
  text.add("resource_limit", "gauge", "What runs in progress, or the last one, may hold at once.", () =>
    resources.map(([resource, { limit }]) => [{ resource }, limit]),
  );
  text.add("workers_busy", "gauge", "Workers that carry out an attempt, by kind.", () =>
    Object.entries(pools).map(([kind, { busy }]) => [{ kind }, busy]),
  );
  return text.toString();
}

/**
 * Answers GET and HEAD with `prometheusText`, whatever the path; any other method with 405.
 *
 * @example
 * import { createServer } from "node:http";
 * const monitor = new ExecutionMonitor();
 * const server = createServer(prometheusHandler(monitor)).listen(0, "127.0.0.1");
 * server.unref();
 */
export function prometheusHandler(
  monitor: ExecutionMonitor,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    const body = prometheusText(monitor);
    response.writeHead(200, { "content-type": prometheusContentType, "content-length": Buffer.byteLength(body) });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

class Exposition {
  readonly #lines: string[] = [];

  add(name: string, type: "counter" | "gauge", help: string, samples: () => readonly Sample[]): void {
    const all = samples();
    if (all.length === 0) return;
    this.#head(name, type, help);
    for (const [labels, value] of all) this.#line(name, labels, value);
  }

  histograms(monitor: ExecutionMonitor): void {
    const named = [...monitor.read().names].map(([name, figures]) => ({ name, figures: figures.total() }));
    if (named.length === 0) return;
    for (const [metric, column, help] of [
      ["attempt_duration_seconds", "executionTime", "How long attempts ran."],
      ["task_queue_duration_seconds", "queuedTime", "Time between the moment a task could run and its first start."],
    ] as const) {
      this.#head(metric, "histogram", help);
      for (const { name, figures } of named) {
        const histogram = figures[column];
        const counts = histogram.countsUpTo(bucketExponents);
        for (const [place, value] of counts.entries())
          this.#line(`${metric}_bucket`, { name, le: String(2 ** bucketExponents[place]!) }, value);
        this.#line(`${metric}_bucket`, { name, le: "+Inf" }, histogram.count);
        this.#line(`${metric}_sum`, { name }, histogram.sum);
        this.#line(`${metric}_count`, { name }, histogram.count);
      }
    }
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP orchestrator_${name} ${help}`, `# TYPE orchestrator_${name} ${type}`);
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    this.#lines.push(`orchestrator_${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
  }
}

function escapeLabel(text: string): string {
  // A lone surrogate has no form in UTF-8, and one bad label would cost the whole page.
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
