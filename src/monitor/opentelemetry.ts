/**
 * Runs as OpenTelemetry traces and metrics, through the API package alone: without an SDK that the program registers, all of
 * this does nothing. A run is a span, and each attempt is a span under it that links to the attempts that it depended on.
 *
 * An attempt's span begins when the attempt is handed to what carries it out, because its id travels along: inside of this
 * process as the active context, elsewhere as W3C headers. Its event `started` tells when its own code began.
 */
import type { Attributes, Context, Link, Meter, MeterProvider, Span, Tracer, TracerProvider } from "@opentelemetry/api";
import { TaskIndex } from "../core/task-index.js";
import type { AttemptEndedEvent, RunEvent, RunStartedEvent, TaskEndedEvent } from "../model/event.js";
import type { AttemptTrace, Observer, TracedAttempt } from "../port/observer.js";
import { loadOpenTelemetryApi, type OpenTelemetryApi } from "./opentelemetry-api.js";

/** Where spans and metrics go, and which. */
export interface OpenTelemetryOptions {
  /** Default: the one that is registered. */
  readonly tracerProvider?: TracerProvider;
  /** Default: the one that is registered. */
  readonly meterProvider?: MeterProvider;
  /** Whether attempts are linked to those that they depended on. Default `true`. */
  readonly links?: boolean;
}

const scope = "orchestrator-executor";
/** What SDKs keep of links by default. */
const mostLinks = 128;

/**
 * An observer that makes spans and metrics. Names are listed in docs/monitoring.md.
 *
 * @example
 * await using executor = new ParallelExecutor({ monitor: openTelemetry() });
 * await executor.executeTasks([{ id: "load", run: () => 1 }]);
 *
 * @throws OrchestratorError `PACKAGE_NOT_FOUND` where `@opentelemetry/api` is not installed beside this package
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Observer {
  return new OpenTelemetryObserver(options);
}

class OpenTelemetryObserver implements Observer {
  readonly #api: OpenTelemetryApi;
  readonly #tracer: Tracer;
  readonly #instruments: Instruments;
  readonly #links: boolean;
  readonly #runs = new Map<string, RunSpans>();

  constructor({ tracerProvider, meterProvider, links = true }: OpenTelemetryOptions) {
    this.#api = loadOpenTelemetryApi();
    this.#tracer = (tracerProvider ?? this.#api.trace).getTracer(scope);
    this.#instruments = new Instruments((meterProvider ?? this.#api.metrics).getMeter(scope));
    this.#links = links;
  }

  trace(attempt: TracedAttempt): AttemptTrace | undefined {
    return this.#runs.get(attempt.runId)?.begin(attempt);
  }

  observe(event: RunEvent): void {
    if (event.type === "run-started") {
      this.#runs.set(event.runId, new RunSpans(this.#api, this.#tracer, event, this.#links));
    }
    this.#instruments.observe(event);
    this.#runs.get(event.runId)?.observe(event);
    if (event.type === "run-ended") this.#runs.delete(event.runId);
  }
}

class RunSpans {
  readonly #api: OpenTelemetryApi;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  readonly #attempts = new Map<string, Span>();
  readonly #links: DependencyLinks | undefined;

  constructor(api: OpenTelemetryApi, tracer: Tracer, event: RunStartedEvent, links: boolean) {
    this.#api = api;
    this.#tracer = tracer;
    this.#span = tracer.startSpan(`run ${event.graph}`, {
      startTime: event.at,
      attributes: {
        "orchestrator.run.id": event.runId,
        "orchestrator.graph.name": event.graph,
        "orchestrator.graph.tasks": event.taskCount,
      },
    });
    this.#context = api.trace.setSpan(api.context.active(), this.#span);
    this.#links = links ? new DependencyLinks(event) : undefined;
  }

  begin({ taskId, name, attempt }: TracedAttempt): AttemptTrace {
    const { context, propagation, trace } = this.#api;
    const span = this.#tracer.startSpan(
      name,
      {
        attributes: {
          "orchestrator.task.id": taskId,
          "orchestrator.task.name": name,
          "orchestrator.attempt.number": attempt,
        },
        links: attempt === 1 ? (this.#links?.of(taskId) ?? []) : [],
      },
      this.#context,
    );
    this.#attempts.set(taskId, span);
    const inside = trace.setSpan(this.#context, span);
    const headers: Record<string, string> = {};
    propagation.inject(inside, headers);
    return { headers, within: (run) => context.with(inside, run) };
  }

  observe(event: RunEvent): void {
    switch (event.type) {
      case "tasks-added":
        this.#links?.add(event.taskIds, event.added?.map(({ dependsOn }) => dependsOn) ?? []);
        return;
      case "attempt-started":
        this.#attempts
          .get(event.taskId)
          ?.setAttribute("orchestrator.worker.id", event.workerId)
          .addEvent("started", event.at);
        return;
      case "attempt-ended":
        this.#attemptEnded(event);
        return;
      case "cancel-requested":
        this.#span.addEvent("cancel-requested", { "orchestrator.cancel.by": event.by }, event.at);
        return;
      case "run-ended":
        this.#runEnded(event.counts, event.at);
        return;
      default:
        return;
    }
  }

  #attemptEnded({ taskId, outcome, error, reason, facts, resourceUsage, at }: AttemptEndedEvent): void {
    const span = this.#attempts.get(taskId);
    if (span === undefined) return;
    this.#attempts.delete(taskId);
    span.setAttributes({ "orchestrator.attempt.outcome": outcome, ...factsOf(facts, resourceUsage) });
    if (outcome !== "succeeded") {
      span.setAttribute("error.type", reason?.kind ?? outcome);
      if (error !== undefined) span.recordException(error, at);
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: error?.message ?? outcome });
    }
    span.end(at);
    this.#links?.ended(taskId, span);
  }

  #runEnded(counts: Readonly<Record<string, number>>, at: number): void {
    for (const [status, count] of Object.entries(counts)) this.#span.setAttribute(`orchestrator.run.${status}`, count);
    const failed = (counts.failed ?? 0) + (counts["timed-out"] ?? 0);
    if (failed > 0) this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: `${failed} tasks failed` });
    for (const span of this.#attempts.values()) span.end(at);
    this.#span.end(at);
  }
}

function factsOf(facts: AttemptEndedEvent["facts"], usage: AttemptEndedEvent["resourceUsage"]): Attributes {
  return {
    ...(facts?.cache && { "orchestrator.cache.result": facts.cache }),
    ...(facts?.batch && { "orchestrator.batch.key": facts.batch.key, "orchestrator.batch.size": facts.batch.size }),
    ...(facts?.sandbox && {
      "orchestrator.sandbox.backend": facts.sandbox.backend,
      "orchestrator.sandbox.start": facts.sandbox.start,
    }),
    ...(facts?.host !== undefined && { "host.name": facts.host }),
    ...(usage?.cpuSeconds !== undefined && { "orchestrator.attempt.cpu_time": usage.cpuSeconds }),
    ...(usage?.peakBytes !== undefined && { "orchestrator.attempt.memory_peak": usage.peakBytes }),
  };
}

/** Spans of the tasks that have ended and that others still wait for. */
class DependencyLinks {
  readonly #numbers = new TaskIndex();
  readonly #outline: RunStartedEvent["outline"];
  readonly #added = new Map<number, readonly string[]>();
  /** How many tasks have yet to link to each. */
  readonly #wanted: number[] = [];
  readonly #spans = new Map<number, Link>();

  constructor({ outline }: RunStartedEvent) {
    this.#outline = outline;
    for (let task = 0; task < (outline?.size ?? 0); task++) {
      this.#numbers.add(outline!.taskId(task));
      for (const dependency of Array.from(outline!.dependencies(task))) this.#want(dependency);
    }
  }

  add(taskIds: readonly string[], dependencies: readonly (readonly string[])[]): void {
    taskIds.forEach((id, place) => {
      if (this.#numbers.add(id) >= 0) return;
      this.#added.set(this.#numbers.size - 1, dependencies[place] ?? []);
    });
    for (const id of dependencies.flat()) this.#want(this.#numbers.numberOf(id));
  }

  /** Links of a task that starts, which is asked once of each. */
  of(taskId: string): Link[] {
    const task = this.#numbers.numberOf(taskId);
    const added = this.#added.get(task)?.map((id) => this.#numbers.numberOf(id));
    const dependencies = task < 0 ? [] : Array.from(added ?? this.#outline?.dependencies(task) ?? []);
    const links = dependencies.flatMap((dependency) => this.#spans.get(dependency) ?? []);
    for (const dependency of dependencies) {
      const left = (this.#wanted[dependency] ?? 0) - 1;
      this.#wanted[dependency] = left;
      if (left <= 0) this.#spans.delete(dependency);
    }
    return links.slice(0, mostLinks);
  }

  ended(taskId: string, span: Span): void {
    const task = this.#numbers.numberOf(taskId);
    if ((this.#wanted[task] ?? 0) <= 0) return;
    this.#spans.set(task, { context: span.spanContext(), attributes: { "orchestrator.link": "dependency" } });
  }

  #want(task: number): void {
    if (task >= 0) this.#wanted[task] = (this.#wanted[task] ?? 0) + 1;
  }
}

class Instruments {
  readonly #duration;
  readonly #queued;
  readonly #tasks;
  readonly #retries;
  readonly #running;

  constructor(meter: Meter) {
    this.#duration = meter.createHistogram("orchestrator.attempt.duration", {
      unit: "s",
      description: "How long attempts ran.",
    });
    this.#queued = meter.createHistogram("orchestrator.task.queue.duration", {
      unit: "s",
      description: "Time between the moment a task could run and its first start.",
    });
    this.#tasks = meter.createCounter("orchestrator.task.count", { unit: "{task}", description: "Tasks that ended." });
    this.#retries = meter.createCounter("orchestrator.attempt.retries", {
      unit: "{attempt}",
      description: "Attempts that were followed by another.",
    });
    this.#running = meter.createUpDownCounter("orchestrator.run.active", {
      unit: "{run}",
      description: "Runs in progress.",
    });
  }

  observe(event: RunEvent): void {
    if (event.type === "attempt-ended") this.#attemptEnded(event);
    else if (event.type === "task-ended") this.#taskEnded(event);
    else if (event.type === "run-started") this.#running.add(1);
    else if (event.type === "run-ended") this.#running.add(-1);
  }

  #attemptEnded({ name, outcome, executionTime, reason, retryAt }: AttemptEndedEvent): void {
    const named = { "orchestrator.task.name": name };
    const failed = outcome === "succeeded" ? undefined : { "error.type": reason?.kind ?? outcome };
    this.#duration.record(executionTime, { ...named, "orchestrator.attempt.outcome": outcome, ...failed });
    if (retryAt !== undefined) this.#retries.add(1, named);
  }

  #taskEnded({ name, status, result }: TaskEndedEvent): void {
    this.#tasks.add(1, { "orchestrator.task.name": name, "orchestrator.task.status": status });
    if (result.attempts > 0) this.#queued.record(result.queuedTime, { "orchestrator.task.name": name });
  }
}
