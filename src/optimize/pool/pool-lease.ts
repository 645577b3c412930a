import type { Lease } from "../../model/pool.js";

export class PoolLease<Resource> implements Lease<Resource> {
  readonly resource: Resource;
  readonly holder: string;
  readonly since: number;
  /** Where it was acquired. */
  readonly stack: string | undefined;
  #giveBack: ((broken: boolean) => Promise<void>) | undefined;

  constructor(
    resource: Resource,
    holder: string,
    since: number,
    stack: string | undefined,
    giveBack: (broken: boolean) => Promise<void>,
  ) {
    this.resource = resource;
    this.holder = holder;
    this.since = since;
    this.stack = stack;
    this.#giveBack = giveBack;
  }

  async release(): Promise<void> {
    await this.#end(false);
  }

  async destroy(): Promise<void> {
    await this.#end(true);
  }

  /** The pool has taken the resource away: giving it back does nothing. */
  forget(): void {
    this.#giveBack = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #end(broken: boolean): Promise<void> {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    await giveBack?.(broken);
  }
}
