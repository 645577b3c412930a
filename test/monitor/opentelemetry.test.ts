import { channel } from "node:diagnostics_channel";
import { context, propagation, type SpanContext, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { code, command, subprocess, worker } from "#src/model/describe.js";
import type { RunEvent } from "#src/model/event.js";
import { openTelemetry } from "#src/monitor/opentelemetry.js";
import { present } from "../support/require-component.js";

const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
const contextManager = new AsyncLocalStorageContextManager();

beforeAll(() => {
  context.setGlobalContextManager(contextManager.enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterEach(() => spans.reset());
afterAll(async () => {
  context.disable();
  propagation.disable();
  await tracerProvider.shutdown();
});

const named = (name: string) => spans.getFinishedSpans().find((span) => span.name === name)!;
const headerOf = ({ traceId, spanId }: SpanContext): string => `00-${traceId}-${spanId}-01`;

describe("openTelemetry", () => {
  test("makes a span for the run and for each attempt, with links to dependencies", async () => {
    const executor = new ParallelExecutor({ monitor: openTelemetry({ tracerProvider }) });
    let tries = 0;
    const outer = tracerProvider.getTracer("test").startSpan("outer");
    await context.with(trace.setSpan(context.active(), outer), () =>
      executor.executeTasks([
        { id: "load[1]", run: () => 1 },
        { id: "load[2]", run: () => 2 },
        {
          id: "sum",
          dependsOn: ["load[1]", "load[2]"],
          run: () => {
            if (tries++ === 0) throw new TypeError("once");
          },
          retries: 1,
        },
        { id: "after", dependsOn: ["sum"], run: () => undefined },
      ]),
    );
    outer.end();
    const run = named("run tasks");
    expect(run.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
    expect(run.attributes).toMatchObject({ "orchestrator.graph.tasks": 4, "orchestrator.run.succeeded": 4 });
    const attempts = spans
      .getFinishedSpans()
      .filter((span) => span.parentSpanContext?.spanId === run.spanContext().spanId);
    expect(attempts.map(({ name }) => name).sort()).toEqual(["after", "load", "load", "sum", "sum"]);
    const [first, second] = attempts.filter(({ name }) => name === "sum");
    const loads = attempts.filter(({ name }) => name === "load").map((span) => span.spanContext().spanId);
    expect(first!.links.map((link) => link.context.spanId).sort()).toEqual(loads.sort());
    expect(first!.status.code).toBe(SpanStatusCode.ERROR);
    expect(first!.attributes).toMatchObject({ "error.type": "error", "orchestrator.attempt.number": 1 });
    expect(first!.events.map(({ name }) => name)).toEqual(["started", "exception"]);
    expect(second!.attributes).toMatchObject({ "orchestrator.attempt.number": 2, "orchestrator.worker.id": "inline" });
    // What follows a task that was retried is linked to the attempt that succeeded.
    expect(named("after").links.map((link) => link.context.spanId)).toEqual([second!.spanContext().spanId]);
  });

  test("is the active span inside of a function, across its awaits, and nowhere else", async () => {
    const executor = new ParallelExecutor({ monitor: openTelemetry({ tracerProvider }), maxConcurrentTasks: 1 });
    const seen = new Map<string, string | undefined>();
    const look = (when: string) => void seen.set(when, trace.getActiveSpan()?.spanContext().spanId);
    await executor.executeTasks([
      {
        id: "first",
        run: async () => {
          look("first");
          await new Promise((resolve) => setImmediate(resolve));
          look("first later");
        },
      },
      { id: "second", run: async () => look("second") },
    ]);
    look("outside");
    const [first, second] = [named("first").spanContext().spanId, named("second").spanContext().spanId];
    expect(Object.fromEntries(seen)).toEqual({ first, "first later": first, second, outside: undefined });
    expect(named("second").parentSpanContext?.spanId).toBe(named("run tasks").spanContext().spanId);
  });

  test("goes along into threads, processes and commands", async () => {
    await using executor = new ParallelExecutor({ monitor: openTelemetry({ tracerProvider }) });
    const module = new URL("./modules/trace.mjs", import.meta.url);
    const results = await executor.executeTasks([
      { id: "thread", run: worker(module, "default") },
      { id: "process", run: subprocess(module, "default") },
      { id: "command", run: command(["sh", "-c", 'printf %s "$TRACEPARENT"'], { output: "text" }) },
    ]);
    for (const id of ["thread", "process"])
      expect(results.get(id)).toMatchObject({ output: { traceparent: headerOf(named(id).spanContext()) } });
    expect(results.get("command")).toMatchObject({ output: headerOf(named("command").spanContext()) });
  });

  test.runIf(present("linux", "bubblewrap", "python"))("goes along into sandboxes", async () => {
    await using executor = new ParallelExecutor({ monitor: openTelemetry({ tracerProvider }) });
    const source = "import os\nresult = os.environ['TRACEPARENT']";
    const results = await executor.executeTasks([{ id: "sandbox", run: code("python", source) }]);
    expect(results.get("sandbox")).toMatchObject({ output: headerOf(named("sandbox").spanContext()) });
    expect(named("sandbox").attributes).toMatchObject({ "orchestrator.sandbox.backend": "process" });
  });

  test("counts and measures", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const meterProvider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })],
    });
    const executor = new ParallelExecutor({ monitor: openTelemetry({ tracerProvider, meterProvider }) });
    await executor.executeTasks([
      { id: "load[1]", run: () => 1 },
      { id: "load[2]", run: () => 2 },
      {
        id: "bad",
        run: () => {
          throw new Error("no");
        },
        retries: 2,
      },
      { id: "never", dependsOn: ["bad"], run: () => undefined },
    ]);
    await meterProvider.forceFlush();
    const told = exporter.getMetrics()[0]!.scopeMetrics[0]!.metrics;
    const points = (name: string) => {
      const metric = told.find(({ descriptor }) => descriptor.name === name)!;
      return metric.dataPoints.map(({ attributes, value }) => ({
        ...attributes,
        value: typeof value === "number" ? value : value.count,
      }));
    };
    const task = (name: string, status: string, value: number) => ({
      "orchestrator.task.name": name,
      "orchestrator.task.status": status,
      value,
    });
    expect(points("orchestrator.task.count")).toEqual([
      task("load", "succeeded", 2),
      task("bad", "failed", 1),
      task("never", "skipped", 1),
    ]);
    expect(points("orchestrator.attempt.retries")).toEqual([{ "orchestrator.task.name": "bad", value: 2 }]);
    expect(
      points("orchestrator.attempt.duration")
        .map(({ value }) => value)
        .sort(),
    ).toEqual([2, 3]);
    expect(points("orchestrator.run.active")).toEqual([{ value: 0 }]);
    const duration = told.find(({ descriptor }) => descriptor.name === "orchestrator.attempt.duration")!;
    expect(duration.descriptor.unit).toBe("s");
    await meterProvider.shutdown();
  });
});

test("events are published on diagnostics channels, where somebody listens", async () => {
  const seen: RunEvent[] = [];
  const listen = (event: unknown) => void seen.push(event as RunEvent);
  const ended = channel("orchestrator-executor:task-ended");
  ended.subscribe(listen);
  const executor = new ParallelExecutor();
  await executor.executeTasks([{ id: "a", run: () => 1 }]);
  ended.unsubscribe(listen);
  await executor.executeTasks([{ id: "b", run: () => 1 }]);
  expect(seen.map(({ type, taskId }) => `${type} ${taskId}`)).toEqual(["task-ended a"]);
});
