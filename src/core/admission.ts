/**
 * Decides which ready task starts next inside the limits: slots, CPU, memory and custom resources.
 *
 * Ready tasks are kept by demand class (tasks that hold the same while they run), so that the best task that fits is
 * found by looking at the head of each class, and a graph where no task declares anything has one class and one look.
 *
 * Backfilling without starvation. When the best task does not fit, it is given a reservation: from then on another
 * task may start only if it fits now and if the tasks started so together leave free what the reserved one needs, out
 * of the whole capacity. So the reserved task waits at most for the attempts that ran when it was reserved, whatever
 * comes later; small tasks use only what it does not need. The reservation stays with its task until it starts; only
 * a task of higher user priority goes ahead of it. (Feitelson and Weil 1998 call this "EASY backfilling"; there the
 * durations of tasks are known, here they are not, so the reservation is of resources rather than of a time.)
 */

import { emptyDemand } from "./limits.js";
import type { Demand, Limits, Plan } from "./plan.js";
import { type Before, ReadyQueue } from "./ready-queue.js";

interface DemandClass {
  readonly demand: Demand;
  readonly queue: ReadyQueue;
}

export class Admission {
  readonly #slots: number;
  readonly #capacities: number[];
  readonly #inUse: number[];
  readonly #classes: DemandClass[];
  /** Places in `#classes` whose demand was retired. */
  readonly #freeClasses: number[] = [];
  readonly #freeResources: number[] = [];
  readonly #classOfDemand = new Map<Demand, number>();
  readonly #classOf: Int32Array | undefined;
  readonly #classOfAdded = new Map<number, number>();
  readonly #before: Before;
  readonly #outranks: Before;
  readonly #planCount: number;
  readonly #ranks: Int32Array;
  #running = 0;
  #ready = 0;

  #reserved = -1;
  #backfilledSlots = 0;
  readonly #backfilledUse: number[];
  readonly #backfilled = new Set<number>();

  /** `outranks` says whether one task's user priority is higher than another's. */
  constructor(plan: Plan, limits: Limits, before: Before, outranks: Before) {
    this.#slots = limits.slots;
    this.#capacities = [...limits.capacities, ...(plan.poolCapacities ?? [])];
    this.#inUse = this.#capacities.map(() => 0);
    this.#backfilledUse = this.#capacities.map(() => 0);
    this.#before = before;
    this.#outranks = outranks;
    this.#planCount = plan.count;
    this.#classOf = plan.demandOf;
    this.#ranks = new Int32Array(plan.count);
    this.#classes = this.#makeClasses(plan);
  }

  get running(): number {
    return this.#running;
  }

  /** Whether no task declares anything. */
  get plain(): boolean {
    return this.#classes.length === 1;
  }

  /** Tasks that wait for the limits with an attempt that is still to start: `ready` without those that want to run on. */
  get unstarted(): number {
    return this.#classes.reduce((count, { queue }) => count - queue.resuming, this.#ready);
  }

  get ready(): number {
    return this.#ready;
  }

  /** How much of a resource is held now. */
  inUse(resource: number): number {
    return this.#inUse[resource]!;
  }

  capacity(resource: number): number {
    return this.#capacities[resource]!;
  }

  /** Adds a resource to the limits and gives its index. */
  addResource(capacity: number): number {
    const free = this.#freeResources.pop();
    if (free !== undefined) {
      this.#capacities[free] = capacity;
      return free;
    }
    this.#inUse.push(0);
    this.#backfilledUse.push(0);
    return this.#capacities.push(capacity) - 1;
  }

  /** Takes back a resource that `addResource` gave, with every demand that names it. No task may hold or want it. */
  removeResource(resource: number): void {
    for (const [demand, index] of this.#classOfDemand) {
      if (!demand.resources.includes(resource)) continue;
      this.#classOfDemand.delete(demand);
      this.#freeClasses.push(index);
    }
    this.#freeResources.push(resource);
  }

  /** Names the demand of a task that was added to the run. Tasks that hold the same should be given the same object. */
  setDemand(task: number, demand: Demand): void {
    if (demand.resources.length === 0) return;
    this.#classOfAdded.set(task, this.#classOfDemand.get(demand) ?? this.#addClass(demand));
  }

  demandOf(task: number): Demand {
    return this.#classes[this.#classIndex(task)]!.demand;
  }

  /** Forgets the demand of an added task that has ended. */
  forget(task: number): void {
    this.#classOfAdded.delete(task);
  }

  push(task: number): void {
    this.#ready++;
    this.#queueOf(task).push(task);
  }

  pushResuming(task: number): void {
    this.#ready++;
    this.#queueOf(task).pushResuming(task);
  }

  /** Takes a ready task out of its queue. */
  remove(task: number): void {
    this.#ready--;
    this.#queueOf(task).remove(task);
    if (task === this.#reserved) this.#dropReservation();
  }

  /** Gives back what a task held. */
  release(task: number): void {
    this.#running--;
    if (this.#classes.length > 1) {
      const { resources, amounts } = this.#classes[this.#classIndex(task)]!.demand;
      for (let index = 0; index < resources.length; index++) this.#inUse[resources[index]!]! -= amounts[index]!;
    }
    if (this.#backfilled.size > 0 && this.#backfilled.delete(task)) this.#countBackfilled(task, -1);
  }

  /** Takes the next task that may start out of its queue, charges what it holds, and gives it; -1 where none may. */
  next(): number {
    if (this.#ready === 0 || this.#running >= this.#slots) return -1;
    if (this.#classes.length === 1) return this.#take(this.#classes[0]!.queue.peek());
    return this.#nextOfClasses();
  }

  #nextOfClasses(): number {
    let head = this.#best(-1);
    if (this.#reserved >= 0 && !this.#outranks(head, this.#reserved)) head = this.#reserved;
    if (this.#fits(head)) {
      if (head === this.#reserved) this.#dropReservation();
      return this.#take(head);
    }
    if (head !== this.#reserved) {
      this.#dropReservation();
      this.#reserved = head;
    }
    const filler = this.#best(head);
    if (filler < 0) return -1;
    this.#backfilled.add(filler);
    this.#countBackfilled(filler, 1);
    return this.#take(filler);
  }

  /** The best head of all classes; with `reserved` given, the best that may be started beside that reservation. */
  #best(reserved: number): number {
    let best = -1;
    for (const { queue } of this.#classes) {
      const task = queue.peek();
      if (task < 0 || task === reserved) continue;
      if (best >= 0 && !this.#before(task, best)) continue;
      if (reserved >= 0 && !(this.#fits(task) && this.#leavesRoom(task, reserved))) continue;
      best = task;
    }
    return best;
  }

  #fits(task: number): boolean {
    const { resources, amounts } = this.#classes[this.#classIndex(task)]!.demand;
    for (let index = 0; index < resources.length; index++) {
      const resource = resources[index]!;
      if (this.#inUse[resource]! + amounts[index]! > this.#capacities[resource]!) return false;
    }
    return true;
  }

  #leavesRoom(task: number, reserved: number): boolean {
    if (this.#backfilledSlots + 2 > this.#slots) return false;
    const need = this.#classes[this.#classIndex(reserved)]!.demand;
    const { resources, amounts } = this.#classes[this.#classIndex(task)]!.demand;
    for (let index = 0; index < resources.length; index++) {
      const resource = resources[index]!;
      const position = need.resources.indexOf(resource);
      if (position < 0) continue;
      const left = this.#capacities[resource]! - need.amounts[position]! - this.#backfilledUse[resource]!;
      if (amounts[index]! > left) return false;
    }
    return true;
  }

  #take(task: number): number {
    this.#ready--;
    this.#running++;
    if (this.#classes.length === 1) {
      this.#classes[0]!.queue.remove(task);
      return task;
    }
    const { queue, demand } = this.#classes[this.#classIndex(task)]!;
    queue.remove(task);
    for (let index = 0; index < demand.resources.length; index++)
      this.#inUse[demand.resources[index]!]! += demand.amounts[index]!;
    return task;
  }

  #countBackfilled(task: number, sign: 1 | -1): void {
    this.#backfilledSlots += sign;
    const { resources, amounts } = this.#classes[this.#classIndex(task)]!.demand;
    for (let index = 0; index < resources.length; index++)
      this.#backfilledUse[resources[index]!]! += sign * amounts[index]!;
  }

  #dropReservation(): void {
    this.#reserved = -1;
    this.#backfilledSlots = 0;
    this.#backfilledUse.fill(0);
    this.#backfilled.clear();
  }

  #classIndex(task: number): number {
    if (task < this.#planCount) return this.#classOf === undefined ? 0 : this.#classOf[task]!;
    return this.#classOfAdded.get(task) ?? 0;
  }

  #queueOf(task: number): ReadyQueue {
    return this.#classes.length === 1 ? this.#classes[0]!.queue : this.#classes[this.#classIndex(task)]!.queue;
  }

  #makeClasses(plan: Plan): DemandClass[] {
    const { demandOf, startOrder, demands } = plan;
    if (demandOf === undefined) {
      for (let rank = 0; rank < startOrder.length; rank++) this.#ranks[startOrder[rank]!] = rank;
      return [this.#makeClass(emptyDemand, startOrder)];
    }
    const sizes = new Int32Array(demands.length);
    for (let task = 0; task < plan.count; task++) sizes[demandOf[task]!]!++;
    const members = demands.map((_, index) => new Int32Array(sizes[index]!));
    sizes.fill(0);
    for (const task of startOrder) {
      const index = demandOf[task]!;
      const rank = sizes[index]!++;
      this.#ranks[task] = rank;
      members[index]![rank] = task;
    }
    return demands.map((demand, index) => {
      this.#classOfDemand.set(demand, index);
      return this.#makeClass(demand, members[index]!);
    });
  }

  #addClass(demand: Demand): number {
    const added = this.#makeClass(demand, new Int32Array(0));
    const free = this.#freeClasses.pop();
    if (free !== undefined) this.#classes[free] = added;
    const index = free ?? this.#classes.push(added) - 1;
    this.#classOfDemand.set(demand, index);
    return index;
  }

  #makeClass(demand: Demand, members: Int32Array): DemandClass {
    return { demand, queue: new ReadyQueue(members, this.#ranks, this.#planCount, this.#before) };
  }
}
