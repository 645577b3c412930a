/** The timeline: who ran what, when. Drawn on a canvas, because a run of 100,000 tasks has as many bars. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { stateCode, stateMarks, taskStates } from "../protocol.ts";
import { count, duration } from "./format.ts";
import type { RunView } from "./run-view.ts";
import { openTask, revision, showTask } from "./store.ts";
import { colour, theme } from "./theme.ts";
import { barWords, TimelineKey } from "./timeline-key.tsx";
import { type Lanes, laneOut } from "./timeline-lanes.ts";

const laneHeight = 20;
const axisHeight = 26;
const labelWidth = 108;

interface Span {
  readonly from: number;
  readonly to: number;
}

export function TimelineView({ shown }: { readonly shown: RunView }) {
  const [span, setSpan] = useState<Span>();
  const [hovered, setHovered] = useState<{ readonly x: number; readonly y: number; readonly words: string }>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(900);
  const beat =
    shown.size > 20_000 && shown.summary?.endedAt === undefined ? Math.floor(Date.now() / 1000) : revision.value;
  const lanes = useMemo(() => laneOut(shown), [shown, beat, shown.summary?.endedAt]);
  const all = { from: 0, to: Math.max(1, shown.now()) };
  const seen = span ?? all;
  const height = axisHeight + Math.max(1, lanes.workers.length) * laneHeight + 8;

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    draw(canvas.current!, { shown, lanes, span: seen, width, height });
  }, [lanes, seen.from, seen.to, width, height, theme.value, openTask.value]);

  const timeAt = (x: number): number => seen.from + ((x - labelWidth) / (width - labelWidth)) * (seen.to - seen.from);
  const zoom = (factor: number, at: number): void => {
    const from = Math.max(0, at - (at - seen.from) * factor);
    const to = Math.min(all.to, at + (seen.to - at) * factor);
    if (from <= 0 && to >= all.to) setSpan(undefined);
    else if (to - from > 0.5) setSpan({ from, to });
  };
  const move = (by: number): void => {
    if (span === undefined) return;
    const shift = Math.max(-span.from, Math.min(all.to - span.to, by));
    setSpan({ from: span.from + shift, to: span.to + shift });
  };

  useEffect(() => {
    const element = canvas.current!;
    const onWheel = (event: WheelEvent): void => {
      if (event.shiftKey) move(((seen.to - seen.from) * event.deltaY) / 1000);
      else if (event.ctrlKey || event.altKey) zoom(Math.exp(event.deltaY / 400), timeAt(event.offsetX));
      else return;
      event.preventDefault();
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  });

  const barAt = (event: MouseEvent): number => findBar(lanes, event, timeAt, seen, width);
  const hover = (event: MouseEvent): void => {
    const bar = barAt(event);
    setHovered(bar < 0 ? undefined : { x: event.offsetX, y: event.offsetY, words: wordsOf(shown, lanes, bar) });
  };
  const click = (event: MouseEvent): void => {
    const bar = barAt(event);
    if (bar >= 0) showTask(lanes.bars.task[bar]);
  };
  const middle = (seen.from + seen.to) / 2;

  return (
    <div class="timeline-view">
      <div class="filters">
        <span class="muted">Each bar is an attempt. Ctrl and the wheel zoom; click opens the task.</span>
        <TimelineKey bars={lanes.bars} />
        <span class="spring" />
        <div class="zoom-line" role="group" aria-label="Zoom">
          <button
            type="button"
            class="button icon"
            aria-label="Earlier"
            disabled={span === undefined}
            onClick={() => move((seen.from - seen.to) / 3)}
          >
            {"\u2190"}
          </button>
          <button type="button" class="button icon" aria-label="Zoom in" onClick={() => zoom(0.6, middle)}>
            +
          </button>
          <button type="button" class="button icon" aria-label="Zoom out" onClick={() => zoom(1 / 0.6, middle)}>
            {"\u2212"}
          </button>
          <button
            type="button"
            class="button icon"
            aria-label="Later"
            disabled={span === undefined}
            onClick={() => move((seen.to - seen.from) / 3)}
          >
            {"\u2192"}
          </button>
          <button type="button" class="button" disabled={span === undefined} onClick={() => setSpan(undefined)}>
            Whole run
          </button>
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that the keyboard can scroll it */}
      <div class="canvas-box" tabIndex={0} role="region" aria-label="Timeline">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Attempts over time on ${count(new Set(lanes.workers).size)} workers; the table below tells the same`}
          style={{ width: `${width}px`, height: `${height}px` }}
          onMouseMove={hover}
          onMouseLeave={() => setHovered(undefined)}
          onClick={click}
        />
        {hovered !== undefined && (
          <div class="tip" style={{ left: `${Math.min(hovered.x + 12, width - 240)}px`, top: `${hovered.y + 14}px` }}>
            <bdi>{hovered.words}</bdi>
          </div>
        )}
      </div>
      <Described shown={shown} lanes={lanes} />
    </div>
  );
}

function wordsOf(shown: RunView, { bars }: Lanes, bar: number): string {
  const task = bars.task[bar]!;
  const end = bars.end[bar]! < 0 ? shown.now() : bars.end[bar]!;
  return `${shown.taskId(task)}\n${barWords(taskStates[bars.state[bar]!]!)}, ${duration(end - bars.start[bar]!)}`;
}

function findBar(
  { bars }: Lanes,
  { offsetX, offsetY }: MouseEvent,
  timeAt: (x: number) => number,
  span: Span,
  width: number,
): number {
  const lane = Math.floor((offsetY - axisHeight) / laneHeight);
  const at = timeAt(offsetX);
  const near = ((span.to - span.from) / (width - labelWidth)) * 2;
  for (let bar = bars.size - 1; bar >= 0; bar--) {
    if (bars.lane[bar] !== lane || bars.start[bar]! > at + near) continue;
    const end = bars.end[bar]!;
    if (end < 0 || end >= at - near) return bar;
  }
  return -1;
}

interface Scene {
  readonly shown: RunView;
  readonly lanes: Lanes;
  readonly span: Span;
  readonly width: number;
  readonly height: number;
}

function draw(canvas: HTMLCanvasElement, scene: Scene): void {
  const { width, height } = scene;
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  drawLanes(context, scene);
  drawAxis(context, scene);
  drawBars(context, scene);
}

function drawLanes(context: CanvasRenderingContext2D, { shown, lanes, width, height }: Scene): void {
  const line = colour("line");
  const ink = colour("muted");
  lanes.workers.forEach((worker, lane) => {
    if (lanes.workers[lane - 1] === worker) return;
    const y = axisHeight + lane * laneHeight;
    context.fillStyle = line;
    context.fillRect(0, y - 0.5, width, 1);
    context.fillStyle = ink;
    context.fillText(shown.workers[worker]?.slice(0, 16) ?? "", 4, y + laneHeight / 2, labelWidth - 10);
  });
  context.fillStyle = line;
  context.fillRect(labelWidth - 1, axisHeight, 1, height - axisHeight);
}

function drawAxis(context: CanvasRenderingContext2D, { span, width, height }: Scene): void {
  const inside = width - labelWidth;
  const length = span.to - span.from;
  const step = niceStep(length / Math.max(2, inside / 110));
  context.textAlign = "center";
  for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) {
    const x = labelWidth + ((at - span.from) / length) * inside;
    context.fillStyle = colour("line");
    context.fillRect(Math.round(x), axisHeight - 4, 1, height - axisHeight + 4);
    context.fillStyle = colour("muted");
    if (x < width - 20 && x > labelWidth + 16) context.fillText(duration(at), x, axisHeight / 2);
  }
  context.textAlign = "left";
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least) ?? 10 * power;
}

function drawBars(context: CanvasRenderingContext2D, { shown, lanes, span, width }: Scene): void {
  const { bars } = lanes;
  const inside = width - labelWidth;
  const scale = inside / (span.to - span.from);
  const now = shown.now();
  const paints = taskStates.map((name) => colour(`state-${name}`));
  /** Up to where a lane is painted, and in which state, so that bars below a pixel cost nothing. */
  const painted = new Float64Array(lanes.workers.length).fill(-1);
  const lastState = new Uint8Array(lanes.workers.length);
  for (let bar = 0; bar < bars.size; bar++) {
    const lane = bars.lane[bar]!;
    const end = bars.end[bar]! < 0 ? now : bars.end[bar]!;
    const left = Math.max(labelWidth, labelWidth + (bars.start[bar]! - span.from) * scale);
    const right = Math.min(width, labelWidth + (end - span.from) * scale);
    if (right < labelWidth || left > width) continue;
    const state = bars.state[bar]!;
    if (right <= painted[lane]! + 0.5 && state === lastState[lane]) continue;
    painted[lane] = right;
    lastState[lane] = state;
    const y = axisHeight + lane * laneHeight + 3;
    const length = Math.max(1, right - left - (right - left > 4 ? 1 : 0));
    context.fillStyle = paints[state]!;
    context.fillRect(left, y, length, laneHeight - 6);
    if (bars.task[bar] === openTask.value) outline(context, left, y, length);
    // By more than its colour, for who does not tell colours apart.
    const mark = state === stateCode.retrying ? `${stateMarks.retrying} ` : "";
    if (length > 40) label(context, mark + shown.taskId(bars.task[bar]!), left, y, length);
  }
}

function outline(context: CanvasRenderingContext2D, left: number, y: number, length: number): void {
  context.strokeStyle = colour("ink");
  context.lineWidth = 2;
  context.strokeRect(left - 1, y - 1, length + 2, laneHeight - 4);
}

function label(context: CanvasRenderingContext2D, text: string, left: number, y: number, length: number): void {
  const characters = Math.floor((length - 8) / 6.6);
  if (characters < 3) return;
  context.fillStyle = colour("on-state");
  const words = text.length <= characters ? text : `${text.slice(0, characters - 1)}\u2026`;
  context.fillText(words, left + 4, y + (laneHeight - 6) / 2 + 0.5, length - 6);
}

/** The same in words, for who cannot see the drawing. */
function Described({ shown, lanes }: { readonly shown: RunView; readonly lanes: Lanes }) {
  const rows = useMemo(() => {
    const { bars, workers } = lanes;
    const byWorker = new Map<number, { attempts: number; busy: number }>();
    for (let bar = 0; bar < bars.size; bar++) {
      const worker = workers[bars.lane[bar]!]!;
      const row = byWorker.get(worker) ?? { attempts: 0, busy: 0 };
      row.attempts++;
      row.busy += (bars.end[bar]! < 0 ? shown.now() : bars.end[bar]!) - bars.start[bar]!;
      byWorker.set(worker, row);
    }
    return [...byWorker].slice(0, 100);
  }, [lanes]);
  return (
    <table class="hidden">
      <caption>Workers</caption>
      <thead>
        <tr>
          <th scope="col">Worker</th>
          <th scope="col">Attempts</th>
          <th scope="col">Busy</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([worker, { attempts, busy }]) => (
          <tr key={worker}>
            <th scope="row">{shown.workers[worker]}</th>
            <td>{count(attempts)}</td>
            <td>{duration(busy)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
