/** Moves and zooms a drawing: by dragging, by the wheel, by keys. It fits the window until somebody moves it. */
import type { RefObject } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

interface Place {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

interface Drawn {
  readonly width: number;
  readonly height: number;
}

const smallest = 0.05;
const largest = 3;

/** Below this, words cannot be read: a larger drawing is shown in part, around what is looked at. */
const readable = 0.6;

/** @param focus the middle of what is looked at, in the drawing's own units */
export function usePanZoom(
  box: RefObject<HTMLDivElement | null>,
  { width, height }: Drawn,
  focus: { readonly x: number; readonly y: number } | undefined,
) {
  const [place, setPlace] = useState<Place>({ x: 0, y: 0, scale: 1 });
  const moved = useRef(false);
  const dragging = useRef<{ x: number; y: number; distance: number } | undefined>(undefined);

  const fitAll = useCallback(() => {
    const { clientWidth = 0, clientHeight = 0 } = box.current ?? {};
    if (clientWidth === 0 || width === 0) return;
    const scale = Math.min(1.15, clientWidth / width, clientHeight / height);
    moved.current = false;
    if (scale >= readable || focus === undefined)
      setPlace({ scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2 });
    else {
      const x = between(clientWidth - width * readable, clientWidth / 2 - focus.x * readable, 0);
      const y = between(clientHeight - height * readable, clientHeight / 2 - focus.y * readable, 0);
      setPlace({ scale: readable, x, y });
    }
  }, [width, height, focus?.x, focus?.y]);

  const zoomAt = useCallback((factor: number, at: { readonly x: number; readonly y: number }) => {
    moved.current = true;
    setPlace(({ x, y, scale }) => {
      const next = Math.min(largest, Math.max(smallest, scale * factor));
      const by = next / scale;
      return { scale: next, x: at.x - (at.x - x) * by, y: at.y - (at.y - y) * by };
    });
  }, []);

  const zoomBy = useCallback((factor: number) => {
    const { clientWidth = 0, clientHeight = 0 } = box.current ?? {};
    zoomAt(factor, { x: clientWidth / 2, y: clientHeight / 2 });
  }, []);

  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => {
      if (!moved.current) fitAll();
    });
    observer.observe(element);
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      zoomAt(Math.exp(-event.deltaY / 400), { x: event.clientX - left, y: event.clientY - top });
    };
    // Not passive, because the page must not scroll along.
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", onWheel);
    };
  }, [fitAll]);

  useEffect(() => {
    if (!moved.current) fitAll();
  }, [fitAll]);

  useEffect(() => {
    const keys: Record<string, () => void> = {
      "+": () => zoomBy(1.3),
      "=": () => zoomBy(1.3),
      "-": () => zoomBy(1 / 1.3),
      "0": fitAll,
    };
    const onKey = (event: KeyboardEvent): void => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test((event.target as HTMLElement).tagName);
      if (!typing && !event.ctrlKey && !event.metaKey) keys[event.key]?.();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [fitAll]);

  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button === 0) dragging.current = { x: event.clientX, y: event.clientY, distance: 0 };
    },
    onPointerMove: (event: PointerEvent) => {
      const drag = dragging.current;
      if (drag === undefined || (event.buttons & 1) === 0) return;
      const dx = event.clientX - drag.x;
      const dy = event.clientY - drag.y;
      drag.x = event.clientX;
      drag.y = event.clientY;
      drag.distance += Math.abs(dx) + Math.abs(dy);
      moved.current = true;
      setPlace((now) => ({ ...now, x: now.x + dx, y: now.y + dy }));
    },
    // The end of a drag is no click on what lies under it.
    onClickCapture: (event: MouseEvent) => {
      if ((dragging.current?.distance ?? 0) > 5) event.stopPropagation();
      dragging.current = undefined;
    },
  };
  return { transform: `translate(${place.x},${place.y}) scale(${place.scale})`, handlers, zoomBy, fitAll };
}

/** Where the whole fits, the middle; elsewhere as near to `wanted` as leaves no gap at either side. */
function between(least: number, wanted: number, most: number): number {
  return least > most ? (least + most) / 2 : Math.min(most, Math.max(least, wanted));
}
