/** Pools of resources as tasks see them: what can be taken for a while, and is given back. */

/** A resource that somebody holds. Give it back once, by `release`, `destroy` or `await using`; more often does nothing. */
export interface Lease<Resource> extends AsyncDisposable {
  /** What was lent. */
  readonly resource: Resource;
  /** Gives it back for others. */
  release(): Promise<void>;
  /** Has it destroyed, because it is broken or may still be in use. */
  destroy(): Promise<void>;
}

/** How a resource is asked for. */
export interface AcquireOptions {
  /** Gives up waiting. Default: waits for as long as the pool lets it. */
  readonly signal?: AbortSignal;
  /** Who holds it, for people: in `stats`, and in the warning where it is held too long. Default `"unknown"`. */
  readonly holder?: string;
  /** Higher is served first. Default 0. */
  readonly priority?: number;
  /** The resource that last served the same key is preferred, where it is idle: its caches are warm. */
  readonly affinity?: string;
}

/** Anything that gives resources for a while: a `ResourcePool`, or one of your own. */
export interface ResourceSource<out Resource> {
  /** For people. */
  readonly name: string;
  /** Most leases at once, where that is known: a run starts no more tasks than that at once which use it. */
  readonly max?: number;
  /** Takes a resource, when there is one. */
  acquire(options?: AcquireOptions): Promise<Lease<Resource>>;
}

/** Sources of what a task uses, by the name under which it is given the resource. */
export type ResourceSources = Readonly<Record<string, ResourceSource<unknown>>>;

/** What a task is given for its sources. */
export type ResourceValues<Sources extends ResourceSources> = {
  readonly [Name in keyof Sources]: Sources[Name] extends ResourceSource<infer Resource> ? Resource : never;
};
