/** What is run: tasks that do nothing, so that what is measured is what it costs that they are not forgotten. */
import type { Task } from "#src/parallel.js";
import { seededRandom } from "../lib/statistics.js";

export const shapeNames = ["layered", "chain", "fan-in"] as const;
export type ShapeName = (typeof shapeNames)[number];

/** 100 layers with 2 dependencies a task; one after the other; many and then one that waits for all of them. */
export function makeTasks(shape: ShapeName, size: number): Task[] {
  const run = async (): Promise<void> => undefined;
  if (shape === "chain")
    return Array.from({ length: size }, (_, n) => ({ id: `t${n}`, run, dependsOn: n === 0 ? [] : [`t${n - 1}`] }));
  if (shape === "fan-in") {
    const many: Task[] = Array.from({ length: size - 1 }, (_, n) => ({ id: `t${n}`, run }));
    return [...many, { id: "all", run, dependsOn: many.map(({ id }) => id) }];
  }
  const random = seededRandom(5);
  const width = Math.ceil(size / 100);
  return Array.from({ length: size }, (_, n) => {
    const above = (Math.floor(n / width) - 1) * width;
    const draw = (): string => `t${above + Math.floor(random() * width)}`;
    return { id: `t${n}`, run, dependsOn: above < 0 ? [] : [...new Set([draw(), draw()])] };
  });
}
