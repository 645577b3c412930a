/** `distributed()`: the option that has an executor's described work carried out by workers on other machines. */
import { Checker } from "../../model/check.js";
import type { Duration } from "../../model/units.js";
import type { DescribedWork } from "../../model/work.js";
import type { Backend, OpenBackend } from "../../port/backend.js";
import type { CoordinatorCounts } from "./coordinator/parts.js";
import type { ModuleOption } from "./modules.js";
import { type ClusterOptions, checkClusterOptions, clusterOptionNames } from "./options.js";

/** How an executor sends work to other machines. */
export interface DistributedOptions extends ClusterOptions {
  /** Attempts that are in Redis at one time, at most: the rest waits in this process. From 1 to 1,000,000. Default 4,000. */
  readonly window?: number;
  /** How long a task that every worker handed back waits for one that has its module, or room for it. Default 10 seconds. */
  readonly placementTimeout?: Duration;
  /** Kinds of work that go to workers; the others are carried out here. Default: thread, process, command and code. */
  readonly kinds?: readonly DescribedWork["kind"][];
  /** Custom resources that are only counted here, such as calls to a service; workers need not have them. Default none. */
  readonly localResources?: readonly string[];
  /** Names and versions of modules, where the name of the file and its digest will not do. Default: none. */
  readonly modules?: readonly ModuleOption[];
  /** BullMQ's priority of what this executor sends: 1 first, 2,097,152 last; without one it comes before all of those. Default: none. */
  readonly priority?: number;
}

/** What was sent, lost, sent again, fenced off, taken over and refused. */
export type DistributedStats = Readonly<CoordinatorCounts>;

/** What `distributed()` gives: for `ExecutionConfig.backend`. */
export interface DistributedBackend extends Backend {
  /** What was sent, lost, fenced off and taken over, by all executors that use this backend. */
  stats(): DistributedStats;
}

const kinds = ["thread", "process", "command", "code"] as const satisfies readonly DescribedWork["kind"][];
const optionNames = [
  ...clusterOptionNames,
  "window",
  "placementTimeout",
  "kinds",
  "localResources",
  "modules",
  "priority",
] as const satisfies readonly (keyof DistributedOptions)[];

/**
 * Has `worker()`, `subprocess()`, `command()` and `code()` tasks carried out by the workers of a cluster; functions stay in
 * this process, because they cannot travel.
 *
 * @example needs Redis, and workers
 * const key = process.env.CLUSTER_KEY ?? "";
 * await using executor = new ParallelExecutor({ backend: distributed({ connection: "redis://10.0.0.5", key }) });
 *
 * @throws InvalidOptionError with everything that is wrong.
 */
export function distributed(options: DistributedOptions = {}): DistributedBackend {
  const check = new Checker("distributed");
  if (!check.object("", options, optionNames)) check.finish();
  const checked = checkClusterOptions(check, options);
  const window = check.number("window", options.window, { minimum: 1, maximum: 1_000_000, integer: true }, 4000);
  const priority = check.number(
    "priority",
    options.priority,
    { minimum: 1, maximum: 2 ** 21, integer: true },
    undefined,
  );
  const placementMs = check.durationMs("placementTimeout", options.placementTimeout, 10_000);
  const wanted = options.kinds ?? kinds;
  for (const kind of wanted) check.oneOf("kinds", kind, kinds, "thread");
  check.finish();
  const counts: CoordinatorCounts = {
    submitted: 0,
    parcels: 0,
    lost: 0,
    resent: 0,
    fenced: 0,
    adopted: 0,
    refused: 0,
  };
  return {
    kinds: wanted,
    stats: () => ({ ...counts }),
    async open(): Promise<OpenBackend> {
      const { openCoordinator } = await import("./coordinator/open.js");
      const { localResources = [], modules = [] } = options;
      return openCoordinator({ ...checked, window, placementMs, priority, localResources, modules, counts });
    },
  };
}
