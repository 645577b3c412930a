/** What the colours of the timeline's bars mean: those that are drawn, and no others. */
import { stateCode, stateMarks, statesByUrgency, stateWords, type TaskStateName } from "../protocol.ts";
import type { Bars } from "./timeline-lanes.ts";

/** What a bar of this colour is: an attempt that was followed by another has the colour of what came of it. */
export function barWords(state: TaskStateName): string {
  return state === "retrying" ? "failed, tried again" : stateWords[state];
}

export function TimelineKey({ bars }: { readonly bars: Bars }) {
  const drawn = new Set(bars.state);
  const states = statesByUrgency.filter((name) => drawn.has(stateCode[name]));
  return (
    <ul class="timeline-key" aria-label="Colours of the bars">
      {states.map((name) => (
        <li key={name} class={name}>
          <span class="swatch" aria-hidden="true" />
          <span class="mark" aria-hidden="true">
            {stateMarks[name]}
          </span>
          {barWords(name)}
        </li>
      ))}
    </ul>
  );
}
