/** `startDashboard`: a page in the browser that shows runs while they go on. */
import { randomBytes } from "node:crypto";
import type { ParallelExecutor } from "../executor/parallel-executor.js";
import { Run } from "../executor/run.js";
import { Checker } from "../model/check.js";
import type { Observer } from "../port/observer.js";
import { RunCollection } from "./dashboard.js";
import { DashboardServer } from "./server/server.js";

/** What the dashboard needs of an executor: to be told of its runs, and to run again what did not succeed. */
export type DashboardExecutor = Pick<ParallelExecutor, "onRun" | "rerun">;

/** What a live page shows, and who can reach it. */
export interface DashboardOptions {
  /** Shows every run that this executor makes from now on, with buttons to cancel and retry. Default: none. */
  readonly executor?: DashboardExecutor;
  /** Shows this run. From its start where the dashboard is started at once after the run was made. With `executor`, it can be retried. Default: none. */
  readonly run?: Run;
  /** Address to listen at. Default `"127.0.0.1"`: only this machine reaches it. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** What a page must know to be told anything; at least 16 characters. Default: 256 random bits. */
  readonly token?: string;
  /** Host names, with or without a port, under which browsers reach it besides its own address: those of a proxy or tunnel. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** Whether the open dashboard keeps this process alive. Default `false`. */
  readonly keepAlive?: boolean;
}

/** A dashboard that is listening. */
export interface Dashboard extends AsyncDisposable {
  /** Where to look, with the token. Whoever knows it can see and cancel the runs. */
  readonly url: string;
  /** The port that it listens at. */
  readonly port: number;
  /** Shows runs whose events it is told of, without buttons: `new ParallelExecutor({ monitor: dashboard.observer })`. */
  readonly observer: Observer;
  /** Shows one more run. */
  watch(run: Run, executor?: DashboardExecutor): void;
  /** Tells pages that are open the last state, and stops listening. Idempotent. */
  close(): Promise<void>;
}

const optionNames = ["executor", "run", "host", "port", "token", "allowedHosts", "keepAlive"] as const;

/**
 * Serves the live page.
 *
 * @example
 * await using executor = new ParallelExecutor();
 * await using dashboard = await startDashboard({ executor });
 * console.log(new URL(dashboard.url).hostname); // prints 127.0.0.1
 * await executor.executeTasks([{ id: "load", run: () => 1 }]);
 *
 * @throws InvalidOptionError; an `Error` of Node (`EADDRINUSE`) where the port is taken.
 */
export async function startDashboard(options: DashboardOptions = {}): Promise<Dashboard> {
  const { executor, run, host, port, token, allowedHosts, keepAlive } = checkOptions(options);
  const runs = new RunCollection();
  // Before anything is waited for, so that a run that was just made is seen from its first event on.
  if (run !== undefined) runs.addRun(run, executor);
  const stopWatching = executor?.onRun((made) => runs.addRun(made, executor));
  try {
    return await listen(runs, { host, port, token, allowedHosts, keepAlive, stopWatching });
  } catch (error) {
    stopWatching?.();
    throw error;
  }
}

type Listening = ReturnType<typeof checkOptions> & { readonly stopWatching: (() => void) | undefined };

/** @internal For whoever has runs of another origin. */
export async function listen(
  runs: RunCollection,
  { host, port, token, allowedHosts, keepAlive, stopWatching }: Omit<Listening, "executor" | "run">,
): Promise<Dashboard> {
  const server = new DashboardServer(runs, token);
  const address = await server.listen({ host, port, token, allowedHosts });
  server.keepAlive = keepAlive;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    stopWatching?.();
    closing ??= server.close();
    return closing;
  };
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return {
    // After the #, which browsers send to nobody.
    url: `http://${shown}:${address.port}/#token=${token}`,
    port: address.port,
    observer: runs,
    watch: (run, executor) => runs.addRun(run, executor),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkOptions(options: DashboardOptions) {
  const check = new Checker("dashboard");
  check.object("", options, optionNames);
  const { executor, run, token, allowedHosts = [] } = options;
  if (executor !== undefined && (typeof executor?.onRun !== "function" || typeof executor.rerun !== "function"))
    check.report("executor", "takes a ParallelExecutor");
  if (run !== undefined && !(run instanceof Run)) check.report("run", "takes a run of an executor");
  if (token !== undefined && !/^[\w.~-]{16,200}$/.test(String(token)))
    check.report("token", "takes 16 to 200 letters, digits, dots, dashes, tildes and underscores");
  if (!Array.isArray(allowedHosts) || !allowedHosts.every((name) => typeof name === "string" && name !== ""))
    check.report("allowedHosts", "takes an array of host names");
  const checked = {
    executor,
    run,
    host: check.string("host", options.host, "127.0.0.1"),
    port: check.number("port", options.port, { minimum: 0, maximum: 65_535, integer: true }, 0),
    token: token ?? randomBytes(32).toString("base64url"),
    allowedHosts,
    keepAlive: check.boolean("keepAlive", options.keepAlive, false),
  };
  check.finish();
  return checked;
}
