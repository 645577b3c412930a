/** The attempts of a run: starts them where their work belongs, aborts them, and tells the scheduler how they end. */
import { cacheOptionOf, isHandedOver } from "../core/cache-option.js";
import { cpuResource, describeAmounts, memoryResource } from "../core/limits.js";
import type { Demand } from "../core/plan.js";
import { isEnd } from "../core/task-table.js";
import type { BatchWork } from "../model/batch.js";
import type { SpawnedTasks, SpawnOptions } from "../model/context.js";
import { asError, OrchestratorError } from "../model/error.js";
import type { AttemptFacts, ExecutionResult, ResourceUsage } from "../model/result.js";
import type { ConditionContext, Task } from "../model/task.js";
import type { DeferredWork, DescribedWork, Inputs, TaskFunction } from "../model/work.js";
import type { AttemptTrace } from "../port/observer.js";
import type { AttemptFailure } from "../port/runner.js";
import { BatchWatch } from "./batch-watch.js";
import {
  DescribedAttempts,
  type DescribedListener,
  type Handover,
  type InlineWork,
  type RunnerSource,
  reasonOf,
} from "./described-attempts.js";
import {
  type ContextHost,
  InlineAttempts,
  type InlineContext,
  type InlineListener,
  InlineTaskContext,
  inlineWork,
} from "./inline-attempts.js";
import { timeoutMessage } from "./outcomes.js";
import type { RunFamily } from "./run-family.js";
import type { RunState } from "./run-state.js";

const noInputs: Inputs = Object.freeze({});

export class RunAttempts implements InlineListener, DescribedListener, ContextHost {
  readonly #run: RunState;
  readonly #family: RunFamily;
  readonly #inline: InlineAttempts;
  readonly #described: DescribedAttempts;

  constructor(run: RunState, family: RunFamily, runners: RunnerSource) {
    this.#run = run;
    this.#family = family;
    this.#inline = new InlineAttempts(this);
    this.#described = new DescribedAttempts(runners, this);
  }

  start(task: number, attempt: number): void {
    const { run } = this.#run.tasks[task]!;
    const { reporter } = this.#run;
    if (reporter.observed) reporter.attemptHanded(task);
    const trace = reporter.traces ? reporter.traceOf(task, attempt) : undefined;
    if (typeof run !== "function" || this.#isHandedOver(task)) {
      this.#startDescribed(task, attempt, typeof run === "function" ? this.#inlineWork(task, trace) : run, trace);
      return;
    }
    if (reporter.observed) reporter.inlineStarted(task, attempt);
    this.#run.gate?.started(task, attempt, this.#run.scheduler.table.startedAt[task]!, "inline");
    this.#inline.start(
      task,
      attempt,
      inside(trace, run as TaskFunction),
      this.#inputsOf(task),
      new InlineTaskContext(this, task, attempt),
    );
  }

  abort(task: number, attempt: number, because: "timeout" | "cancelled"): void {
    const error = because === "timeout" ? this.#timedOut(task) : this.#cancelled(task);
    this.#family.abandon(task, error);
    if (typeof this.#run.tasks[task]!.run === "function" && !this.#isHandedOver(task)) {
      this.#inline.abandon(task, error);
      this.describedStopped(task, attempt);
    } else this.#described.abort(task, error);
  }

  #isHandedOver(task: number): boolean {
    return isHandedOver(this.#run.tasks[task]!, this.#run.config.features.caching);
  }

  /** Asks the task's condition. */
  decide(task: number): void {
    const { when } = this.#run.tasks[task]!;
    const { errors } = this.#run.outcomes;
    const decided = (verdict: "run" | "skip" | "error"): void =>
      this.#run.send({ type: "condition-decided", at: this.#run.clock.now(), task, verdict });
    new Promise<boolean | string>((resolve) => resolve(when!(this.#conditionContext(task)))).then(
      (answer) => {
        if (typeof answer === "string") errors.set(task, { error: new Error(answer), reason: { kind: "condition" } });
        decided(answer === true ? "run" : "skip");
      },
      (thrown) => {
        errors.set(task, { error: asError(thrown), reason: { kind: "error" } });
        decided("error");
      },
    );
  }

  #startDescribed(
    task: number,
    attempt: number,
    work: DescribedWork | DeferredWork | InlineWork,
    trace: AttemptTrace | undefined,
  ): void {
    const { timeoutMs } = this.#run.scheduler.table.policy(task);
    const demand = this.#run.scheduler.admission.demandOf(task);
    const request = {
      runId: this.#run.id,
      taskId: this.idOf(task),
      name: this.#run.reporter.nameOf(task),
      attempt,
      timeoutMs: timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs,
      memoryBytes: amountOf(demand, memoryResource, 1),
      cpuCores: amountOf(demand, cpuResource, 1000),
      affinity: this.#run.tasks[task]!.affinity,
      trace: trace?.headers,
      resources: this.#customResources(demand),
      resumable: this.#run.gate !== undefined,
    };
    this.#described.start(task, request, this.#handover(task, work));
  }

  /** What the attempt declared besides CPU and memory, for runners that look for a place where it can be had. */
  #customResources(demand: Demand): Readonly<Record<string, number>> | undefined {
    const custom = demand.resources.filter((resource) => resource > memoryResource);
    if (custom.length === 0) return undefined;
    const amounts = custom.map((resource) => demand.amounts[demand.resources.indexOf(resource)]!);
    const resources = describeAmounts(this.#run.config.limits, custom, amounts);
    return Object.keys(resources).length === 0 ? undefined : resources;
  }

  #handover(task: number, work: DescribedWork | DeferredWork | InlineWork): Handover | Promise<Handover> {
    const inputs = this.#inputsOf(task);
    const option = cacheOptionOf(this.#run.tasks[task]!, this.#run.config.features.caching);
    const cache = option === undefined ? undefined : { cache: option };
    if (work.kind === "inline") return { work, inputs, ...cache };
    if (work.kind !== "deferred") return { work: this.#withSandbox(task, work), inputs, ...cache };
    return this.#resolveDeferred(task, work, inputs).then((handover) => ({ ...handover, ...cache }));
  }

  #inlineWork(task: number, trace: AttemptTrace | undefined): InlineWork {
    const { run, use, priority = 0 } = this.#run.tasks[task]!;
    const context = (attempt: number): InlineContext => new InlineTaskContext(this, task, attempt);
    return inlineWork({ run: inside(trace, run as TaskFunction), use, priority, context });
  }

  async #resolveDeferred(task: number, work: DeferredWork, inputs: Inputs): Promise<Handover> {
    const context = this.#conditionContext(task);
    const resolved = await work.resolve(context);
    const handover = { work: this.#withSandbox(task, resolved.work), inputs: { ...inputs, ...resolved.with } };
    const { finish } = work;
    return finish === undefined ? handover : { ...handover, finish: (output) => finish(output, context) };
  }

  #withSandbox(task: number, work: DescribedWork): DescribedWork {
    if (work.kind !== "code") return work;
    return { ...work, sandbox: { ...this.#run.config.sandbox, ...work.sandbox, ...this.#run.tasks[task]!.sandbox } };
  }

  #inputsOf(task: number): Inputs {
    const { inputs, with: constants } = this.#run.tasks[task]!;
    if (inputs === undefined) return constants ?? noInputs;
    const values: Record<string, unknown> = { ...constants };
    for (const name of Object.keys(inputs))
      values[name] = this.#run.outcomes.outputs[this.#run.numbers.get(inputs[name]!)!];
    return values;
  }

  #cancelled(task: number): Error {
    const { cancelMessage } = this.#run.outcomes;
    return new OrchestratorError(
      "TASK_CANCELLED",
      `task "${this.idOf(task)}" was cancelled${cancelMessage === "" ? "" : `: ${cancelMessage}`}`,
    );
  }

  #timedOut(task: number): Error {
    const { timeoutMs, totalTimeoutMs } = this.#run.scheduler.table.policy(task);
    const scope = timeoutMs <= totalTimeoutMs ? "attempt" : "total";
    const limitMs = Math.min(timeoutMs, totalTimeoutMs);
    const error = new OrchestratorError("TASK_TIMEOUT", timeoutMessage(this.idOf(task), scope, limitMs));
    this.#run.outcomes.errors.set(task, { error, reason: { kind: "timeout", scope, limitSeconds: limitMs / 1000 } });
    return error;
  }

  #conditionContext(task: number): ConditionContext {
    return {
      taskId: this.idOf(task),
      result: (taskId) => this.dependencyResult(task, taskId),
      output: (taskId) => this.dependencyResult(task, taskId).output,
    };
  }

  // What attempts tell.

  inlineSucceeded(task: number, attempt: number, output: unknown): void {
    this.#run.outcomes.outputs[task] = output;
    this.#run.send({ type: "attempt-succeeded", at: this.#run.clock.now(), task, attempt });
  }

  inlineFailed(task: number, attempt: number, thrown: unknown): void {
    this.describedFailed(task, attempt, { error: asError(thrown), reason: reasonOf(thrown) });
  }

  describedBatched(task: number, work: BatchWork): void {
    this.#run.batches ??= new BatchWatch(this.#run, (waiting) => this.#described.hurry(waiting));
    this.#run.batches.arrived(task, work.key);
  }

  describedStarted(task: number, attempt: number, workerId: string): void {
    this.#run.batches?.started(task);
    this.#run.outcomes.ran(task, workerId, undefined);
    if (this.#run.reporter.observed) this.#run.reporter.describedStarted(task, attempt, workerId);
    const at = this.#run.clock.now();
    this.#run.send({ type: "attempt-started", at, task, attempt });
    this.#run.gate?.started(task, attempt, at, workerId);
  }

  describedRan(task: number, workerId: string, usage: ResourceUsage | undefined): void {
    this.#run.outcomes.ran(task, workerId, usage);
  }

  describedNoted(task: number, facts: AttemptFacts): void {
    if (this.#run.reporter.observed || this.#run.gate !== undefined) this.#run.outcomes.noted(task, facts);
  }

  describedSucceeded(task: number, attempt: number, output: unknown): void {
    this.#run.batches?.ended(task);
    this.inlineSucceeded(task, attempt, output);
  }

  describedFailed(task: number, attempt: number, failure: AttemptFailure): void {
    this.#run.batches?.ended(task);
    if (!this.#isCurrent(task, attempt)) return;
    this.#run.outcomes.errors.set(task, failure);
    const retryable = (failure.retryable ?? true) && this.#mayRetry(task, attempt, failure.error);
    this.#run.send({
      type: "attempt-failed",
      at: this.#run.clock.now(),
      task,
      attempt,
      retryable,
      random: this.#run.random(),
    });
  }

  describedLost(task: number, attempt: number, error: Error): void {
    this.#run.batches?.ended(task);
    if (!this.#isCurrent(task, attempt)) return;
    this.#run.outcomes.errors.set(task, { error, reason: { kind: "worker-lost" } });
    this.#run.send({ type: "attempt-lost", at: this.#run.clock.now(), task, attempt, random: this.#run.random() });
  }

  describedStopped(task: number, attempt: number): void {
    this.#run.batches?.ended(task);
    const failure = this.#run.outcomes.errors.get(task);
    const retryable = failure === undefined || this.#mayRetry(task, attempt, failure.error);
    this.#run.send({
      type: "attempt-stopped",
      at: this.#run.clock.now(),
      task,
      attempt,
      retryable,
      random: this.#run.random(),
    });
  }

  #isCurrent(task: number, attempt: number): boolean {
    const { table } = this.#run.scheduler;
    return !isEnd(table.state[task]!) && table.attempts[task] === attempt;
  }

  /** Asks the task's `retryIf`; one that throws ends the task with what it threw. */
  #mayRetry(task: number, attempt: number, error: Error): boolean {
    const { retries } = this.#run.tasks[task]!;
    const retryIf =
      retries === undefined ? this.#run.config.retryIf : typeof retries === "object" ? retries.retryIf : undefined;
    if (retryIf === undefined) return true;
    try {
      return retryIf(error, attempt);
    } catch (thrown) {
      this.#run.outcomes.errors.set(task, { error: asError(thrown), reason: { kind: "error" } });
      return false;
    }
  }

  // What contexts ask for.

  get id(): string {
    return this.#run.id;
  }

  idOf(task: number): string {
    return this.#run.tasks[task]!.id;
  }

  dependencyResult(task: number, dependencyId: string): ExecutionResult {
    const dependency = this.#run.numbers.get(dependencyId);
    if (dependency !== undefined && this.#run.scheduler.table.dependenciesOf(task).includes(dependency))
      return this.#run.outcomes.result(dependency);
    throw new RangeError(
      `task "${this.idOf(task)}" does not depend on "${dependencyId}": name it in dependsOn or inputs`,
    );
  }

  progressed(task: number, attempt: number, value: unknown): void {
    if (this.#run.reporter.observed) this.#run.reporter.progressed(task, attempt, value);
  }

  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void {
    if (this.#run.reporter.observed) this.#run.reporter.logged(task, attempt, stream, text);
    this.#run.gate?.journal.attemptLogged(task, attempt, this.#run.clock.now(), stream, text);
  }

  spawn(task: number, attempt: number, tasks: readonly Task[], options: SpawnOptions): SpawnedTasks {
    if (!this.#isCurrent(task, attempt))
      throw new OrchestratorError("TASK_CANCELLED", `task "${this.idOf(task)}" has ended and cannot add tasks`);
    return this.#family.spawn(task, tasks, options);
  }
}

/** The function inside of a trace. Only the call: what goes on after it is the engine's. */
function inside(trace: AttemptTrace | undefined, run: TaskFunction): TaskFunction {
  return trace === undefined ? run : (inputs, context) => trace.within(() => run(inputs, context));
}

function amountOf(demand: Demand, resource: number, scale: number): number | undefined {
  const position = demand.resources.indexOf(resource);
  return position < 0 ? undefined : demand.amounts[position]! / scale;
}
