/** `orchestrator-executor/testing`: what makes tests of graphs quick and repeatable. */
export type { Clock, World } from "./port/clock.js";
export { type RandomTasksOptions, randomTasks } from "./testing/random-tasks.js";
export { seededRandom } from "./testing/seeded-random.js";
export { SimulatedClock } from "./testing/simulated-clock.js";
