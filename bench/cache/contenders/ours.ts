/** The durable tier alone: a folder, without memory in front. */
import { type CacheHit, TaskCache } from "#src/optimize/cache/task-cache.js";
import type { OpenContender } from "../measure.js";

export const open: OpenContender = (directory) => {
  const cache = new TaskCache({ directory, maxMemory: 0 });
  return {
    fill: async (entries) => {
      for (const [key, value] of entries) await cache.set(key, value);
    },
    get: (key) => cache.get(key),
    valueOf: (hit) => (hit as CacheHit).value,
    close: () => cache.close(),
  };
};
