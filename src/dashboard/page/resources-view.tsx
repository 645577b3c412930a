/** Use over time against the limits: slots, each resource, tasks that wait, tasks that end. Charts by uPlot. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { bytes, count, duration } from "./format.ts";
import type { RunView } from "./run-view.ts";
import { revision } from "./store.ts";
import { colour, theme } from "./theme.ts";

interface ChartOf {
  readonly channel: string;
  readonly title: string;
  readonly limit?: number;
  readonly smooth?: boolean;
  readonly format: (value: number) => string;
}

function chartsOf(shown: RunView): ChartOf[] {
  const limits = shown.summary?.limits ?? {};
  const charts: ChartOf[] = [
    { channel: "slots", title: "Running attempts", ...limitOf(limits.slots), format: plain },
    { channel: "ready", title: "Ready, waiting for the limits", format: plain },
    { channel: "ended each second", title: "Tasks that ended, each second", smooth: true, format: plain },
  ];
  for (const [name, limit] of Object.entries(limits)) {
    if (name === "slots" || !shown.series.has(name)) continue;
    const format = name === "memory" ? bytes : plain;
    const title = name === "cpu" ? "CPU, cores that are held" : name === "memory" ? "Memory that is held" : name;
    charts.push({ channel: name, title, limit, format });
  }
  return charts;
}

function limitOf(limit: number | undefined): { readonly limit?: number } {
  return limit === undefined ? {} : { limit };
}

function plain(value: number): string {
  if (value >= 100) return count(Math.round(value));
  const places = value < 2 ? 100 : 10;
  return String(Math.round(value * places) / places);
}

export function ResourcesView({ shown }: { readonly shown: RunView }) {
  revision.value;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it
    <div class="charts" tabIndex={0} role="region" aria-label="Resources over time">
      {chartsOf(shown).map((chart) => (
        <Chart key={`${chart.channel} ${theme.value}`} shown={shown} chart={chart} />
      ))}
    </div>
  );
}

interface ChartProps {
  readonly shown: RunView;
  readonly chart: ChartOf;
}

function Chart({ shown, chart }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const values = valuesOf(shown, chart);
  useEffect(() => {
    const made = new uPlot(optionsOf(chart, box.current!.clientWidth), dataOf(shown, chart), box.current!);
    plot.current = made;
    const observer = new ResizeObserver(([entry]) =>
      made.setSize({ width: entry!.contentRect.width, height: chartHeight }),
    );
    observer.observe(box.current!);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [chart.channel]);
  useEffect(() => plot.current?.setData(dataOf(shown, chart)), [shown, revision.value]);
  const now = values.at(-1) ?? 0;
  const peak = values.reduce((highest, value) => Math.max(highest, value), 0);
  const { format, limit, title } = chart;
  const ended = shown.summary?.endedAt !== undefined;
  const words = `${ended ? "" : `now ${format(now)}, `}at most ${format(peak)}${limit === undefined ? "" : ` of ${format(limit)}`}`;
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="muted number">{words}</span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title} over time: ${words}`} />
    </figure>
  );
}

const chartHeight = 150;

/** Things that happen are counted over a second: over a shorter time, one of them would look like many. */
function valuesOf(shown: RunView, { channel, smooth = false }: ChartOf): number[] {
  const values = shown.series.get(channel) ?? [0];
  const window = smooth ? Math.ceil(1000 / shown.widthMs) : 1;
  if (window === 1) return values;
  let sum = 0;
  return values.map((value, bucket) => {
    sum += value - (values[bucket - window] ?? 0);
    return Math.max(0, sum / window);
  });
}

function dataOf(shown: RunView, chart: ChartOf): uPlot.AlignedData {
  const { limit } = chart;
  const values = valuesOf(shown, chart);
  const times = values.map((_, bucket) => (bucket * shown.widthMs) / 1000);
  if (limit === undefined) return [times, values];
  return [times, values, values.map(() => limit)];
}

function optionsOf({ limit, format }: ChartOf, width: number): uPlot.Options {
  const ink = colour("muted");
  const line = colour("line");
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    font: "11px system-ui",
  };
  return {
    width,
    height: chartHeight,
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { show: false } },
    scales: { x: { time: false }, y: { range: (_plot, _least, most) => [0, Math.max(1e-9, most * 1.08)] } },
    axes: [
      { ...axis, values: (_plot, ticks) => ticks.map((tick) => duration(tick * 1000)) },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      { stroke: colour("accent"), fill: colour("accent-soft"), width: 1.5, points: { show: false } },
      ...(limit === undefined ? [] : [{ stroke: colour("bad"), width: 1.2, dash: [5, 4], points: { show: false } }]),
    ],
  };
}
