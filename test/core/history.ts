/**
 * Drives the scheduler through random histories: a seed gives a graph, limits, and a world in which attempts succeed,
 * fail, get lost, run late, add tasks, wait and are cancelled. After every event the invariants are checked, and at the
 * end the promises of a run.
 */
import { AdditionCompiler, compileGraph } from "#src/core/compile.js";
import { EffectList } from "#src/core/containers.js";
import type { SchedulerEffect } from "#src/core/effect.js";
import type { SchedulerEvent } from "#src/core/event.js";
import { checkInvariants } from "#src/core/invariants.js";
import { makeLimits } from "#src/core/limits.js";
import { plainPolicy } from "#src/core/policy.js";
import { Scheduler } from "#src/core/scheduler.js";
import { isEnd, stateName, TaskState } from "#src/core/task-table.js";
import type { Task } from "#src/model/task.js";
import { seededRandom } from "#src/testing/seeded-random.js";

export interface HistoryReport {
  readonly effects: SchedulerEffect[];
  readonly statuses: Map<string, string>;
}

type Random = () => number;
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
const chance = (random: Random, part: number): boolean => random() < part;

function randomTask(random: Random, id: string, candidates: readonly string[]): Task {
  const dependsOn = candidates.filter(() => chance(random, Math.min(0.5, 1.5 / Math.max(1, candidates.length))));
  return {
    id,
    run: () => undefined,
    dependsOn,
    ...(chance(random, 0.3) && { priority: Math.floor(random() * 5) - 2 }),
    ...(chance(random, 0.3) && {
      retries: { attempts: 1 + Math.floor(random() * 3), delay: random() * 2, jitter: chance(random, 0.5) },
    }),
    ...(chance(random, 0.3) && { timeout: 0.5 + random() * 3 }),
    ...(chance(random, 0.15) && { totalTimeout: 1 + random() * 6 }),
    ...(chance(random, 0.3) && {
      resources: { cpu: 0.5 + Math.floor(random() * 4) / 2, ...(chance(random, 0.5) && { gpu: 1 }) },
    }),
    ...(chance(random, 0.2) && { trigger: pick(random, ["all-done", "any-failed", "all-succeeded"] as const) }),
    ...(chance(random, 0.15) && { when: () => true }),
    ...(chance(random, 0.3) && { expectedDuration: random() * 10 }),
  };
}

export function runHistory(seed: number): HistoryReport {
  const random = seededRandom(seed);
  const count = Math.floor(random() * 12);
  const tasks: Task[] = [];
  for (let index = 0; index < count; index++)
    tasks.push(
      randomTask(
        random,
        `t${index}`,
        tasks.map((task) => task.id),
      ),
    );
  // The order of insertion is not always a topological one.
  if (chance(random, 0.5)) tasks.reverse();
  const slots = 1 + Math.floor(random() * 4);
  const limits = makeLimits(slots, 2.5, 1e9, { gpu: 1 });
  const settings = { limits, defaults: plainPolicy };
  const { plan } = compileGraph(tasks, settings);
  const additions = new AdditionCompiler(settings);
  const failurePolicy = chance(random, 0.2) ? "fail-fast" : "continue";
  const open = chance(random, 0.2);
  const scheduler = new Scheduler(plan, { limits, failurePolicy, inputClosed: !open, observed: chance(random, 0.5) });
  const world = new World(scheduler, tasks, additions, slots, random);
  world.send({ type: "run-started", at: 0 });
  if (open) world.send({ type: "input-closed", at: 0 });
  world.run();
  return world.report();
}

class World {
  readonly all: SchedulerEffect[] = [];
  readonly #scheduler: Scheduler;
  readonly #tasks: Task[];
  readonly #numbers = new Map<string, number>();
  readonly #additions: AdditionCompiler;
  readonly #slots: number;
  readonly #random: Random;
  readonly #effects = new EffectList();
  /** What the world may do next. */
  readonly #running = new Map<number, number>();
  readonly #aborting = new Map<number, number>();
  readonly #deciding = new Set<number>();
  readonly #suspended = new Map<number, Set<number>>();
  readonly #ended = new Map<number, string>();
  #wake = Number.POSITIVE_INFINITY;
  #now = 0;
  #runEnded = false;
  #cancelled = false;
  #spawned = 0;

  constructor(
    scheduler: Scheduler,
    tasks: readonly Task[],
    additions: AdditionCompiler,
    slots: number,
    random: Random,
  ) {
    this.#scheduler = scheduler;
    this.#tasks = [...tasks];
    for (const [number, task] of tasks.entries()) this.#numbers.set(task.id, number);
    this.#additions = additions;
    this.#slots = slots;
    this.#random = random;
  }

  send(event: SchedulerEvent): void {
    this.#scheduler.handle(event, this.#effects);
    const effects = this.#effects.toArray();
    this.#effects.clear();
    this.all.push(...effects);
    for (const effect of effects) this.#take(effect);
    checkInvariants(this.#scheduler, this.#slots);
    this.#checkNoIdleSlot();
  }

  /** Nothing that fits waits while a slot is free and nothing is reserved: with no resources declared, a ready task never waits beside a free slot. */
  #checkNoIdleSlot(): void {
    const { admission, table } = this.#scheduler;
    if (admission.ready === 0 || admission.running >= this.#slots || admission.running > 0) return;
    for (let task = 0; task < table.count; task++) {
      if (table.state[task] === TaskState.ready)
        throw new Error(`task ${task} is ready, nothing runs, and it was not started`);
    }
  }

  run(): void {
    for (let step = 0; !this.#runEnded; step++) {
      if (step > 2000) throw new Error("the history does not end");
      this.#step();
    }
    const { table } = this.#scheduler;
    for (let task = 0; task < table.count; task++) {
      if (!isEnd(table.state[task]!))
        throw new Error(`task ${task} is ${stateName(table.state[task]!)} after the end of the run`);
    }
  }

  report(): HistoryReport {
    const statuses = new Map<string, string>();
    for (const [id, number] of this.#numbers) statuses.set(id, stateName(this.#scheduler.table.state[number]!));
    return { effects: this.all, statuses };
  }

  #step(): void {
    const random = this.#random;
    this.#now += random() * 0.5;
    if (this.#wake <= this.#now) {
      this.#wake = Number.POSITIVE_INFINITY;
      this.send({ type: "clock-reached", at: this.#now * 1000 });
      return;
    }
    const choice = random();
    if (choice < 0.01 && !this.#cancelled) {
      this.#cancelled = true;
      this.send({ type: "run-cancelled", at: this.#now * 1000, by: "caller" });
    } else if (choice < 0.03 && this.#tasks.length > 0) {
      this.send({ type: "task-cancelled", at: this.#now * 1000, task: Math.floor(random() * this.#tasks.length) });
    } else if (this.#deciding.size > 0 && choice < 0.3) this.#decide();
    else if (this.#aborting.size > 0 && choice < 0.4) this.#stop();
    else if (this.#suspended.size > 0 && choice < 0.5) this.#resume();
    else if (this.#running.size > 0) this.#end();
    else if (this.#aborting.size > 0) this.#stop();
    else if (this.#deciding.size > 0) this.#decide();
    else if (this.#suspended.size > 0) this.#resume();
    else if (this.#wake < Number.POSITIVE_INFINITY) this.#now = this.#wake;
    else throw new Error("nothing can happen any more, and the run has not ended");
  }

  #decide(): void {
    const task = pick(this.#random, [...this.#deciding]);
    this.#deciding.delete(task);
    this.send({
      type: "condition-decided",
      at: this.#now * 1000,
      task,
      verdict: pick(this.#random, ["run", "run", "skip", "error"] as const),
    });
  }

  #stop(): void {
    const [task, attempt] = pick(this.#random, [...this.#aborting]);
    this.#aborting.delete(task);
    const at = this.#now * 1000;
    // The attempt may also have ended by itself before the force came.
    const random = this.#random();
    const type = pick(this.#random, [
      "attempt-stopped",
      "attempt-stopped",
      "attempt-failed",
      "attempt-succeeded",
      "attempt-lost",
    ] as const);
    this.send({ type, at, task, attempt, retryable: true, random });
  }

  #resume(): void {
    for (const [task, children] of this.#suspended) {
      for (const child of children) if (this.#ended.has(child)) children.delete(child);
      if (children.size > 0) continue;
      this.#suspended.delete(task);
      this.send({ type: "resume-requested", at: this.#now * 1000, task });
      return;
    }
    if (this.#running.size > 0) this.#end();
    else if (this.#aborting.size > 0) this.#stop();
    else if (this.#deciding.size > 0) this.#decide();
    else if (this.#wake < Number.POSITIVE_INFINITY) this.#now = this.#wake;
    else throw new Error("tasks wait for tasks that nothing will end");
  }

  #end(): void {
    const random = this.#random;
    const [task, attempt] = pick(random, [...this.#running]);
    const at = this.#now * 1000;
    const choice = random();
    if (choice < 0.08 && this.#spawned < 6) {
      this.#spawn(task, at);
      return;
    }
    this.#running.delete(task);
    if (choice < 0.7) this.send({ type: "attempt-succeeded", at, task, attempt });
    else if (choice < 0.93)
      this.send({ type: "attempt-failed", at, task, attempt, retryable: random() < 0.8, random: random() });
    else this.send({ type: "attempt-lost", at, task, attempt, random: random() });
    // What comes a second time is dropped.
    if (random() < 0.05) this.send({ type: "attempt-succeeded", at, task, attempt });
  }

  #spawn(parent: number, at: number): void {
    const { table } = this.#scheduler;
    const random = this.#random;
    this.#spawned++;
    const size = 1 + Math.floor(random() * 3);
    const children: Task[] = [];
    for (let index = 0; index < size; index++) {
      children.push(
        randomTask(
          random,
          `${this.#tasks[parent]!.id}.${this.#spawned}.${index}`,
          children.map((child) => child.id),
        ),
      );
    }
    const numbers = table.numbersForNext(size);
    const definitions = this.#additions.compile(
      children,
      numbers,
      { number: () => undefined, mayDependOn: () => false },
      (demand) => demand,
    );
    children.forEach((child, place) => {
      this.#tasks[numbers[place]!] = child;
      this.#numbers.set(child.id, numbers[place]!);
    });
    const waits = random() < 0.7;
    this.send({ type: "tasks-added", at, parent, tasks: definitions });
    if (!waits || table.state[parent] !== TaskState.running) return;
    this.#suspended.set(parent, new Set(numbers));
    this.send({ type: "task-suspended", at, task: parent });
  }

  #take(effect: SchedulerEffect): void {
    switch (effect.type) {
      case "start-attempt":
        this.#checkStart(effect.task);
        this.#running.set(effect.task, effect.attempt);
        return;
      case "abort-attempt":
        this.#running.delete(effect.task);
        this.#suspended.delete(effect.task);
        this.#aborting.set(effect.task, effect.attempt);
        return;
      case "decide":
        this.#deciding.add(effect.task);
        return;
      case "wake-at":
        this.#wake = effect.at / 1000;
        return;
      case "task-ended":
        if (this.#ended.has(effect.task)) throw new Error(`task ${effect.task} ended twice`);
        this.#ended.set(effect.task, effect.status);
        this.#deciding.delete(effect.task);
        return;
      case "run-ended":
        this.#runEnded = true;
        return;
      default:
        return;
    }
  }

  #checkStart(task: number): void {
    const { table } = this.#scheduler;
    if (this.#running.has(task)) throw new Error(`task ${task} was started while it runs`);
    const { trigger = "all-succeeded" } = this.#tasks[task]!;
    for (const dependency of table.dependenciesOf(task)) {
      const state = table.state[dependency]!;
      if (!isEnd(state)) throw new Error(`task ${task} was started before ${dependency} ended`);
      if (trigger === "all-succeeded" && state !== TaskState.succeeded)
        throw new Error(`task ${task} was started though ${dependency} did not succeed`);
    }
  }
}
