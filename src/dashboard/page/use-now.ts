import { useEffect, useState } from "preact/hooks";

/** Draws a component again four times a second, for as long as time matters to it. */
export function useNow(active: boolean): void {
  const [, setTick] = useState(0);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setTick((tick) => tick + 1), 250);
    return () => clearInterval(timer);
  }, [active]);
}
