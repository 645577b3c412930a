/**
 * The tier that machines share: a Redis server.
 *
 *     PREFIX + KEY           a record behind its CRC-32, expiring by itself
 *     PREFIX + "marks"       sorted set of invalidations by their time
 *     PREFIX + "lease:" KEY  who computes the key, expiring when it is not renewed
 *
 * Times in records are the server's, so that machines whose clocks differ agree. A server that does not answer is passed
 * over for a while: the cache is there to save time.
 */
import { crc32 } from "node:zlib";
import type { Redis } from "ioredis";
import type { ResolvedCacheOptions } from "../../core/cache-option.js";
import { OrchestratorError } from "../../model/error.js";
import type {
  CacheLease,
  CacheRecord,
  CacheStore,
  CacheTierStats,
  CacheTrouble,
  InvalidationMark,
} from "../../port/cache-store.js";
import type { CacheClock } from "./cache-clock.js";
import type { Invalidations } from "./invalidations.js";
import { ownerText, randomName, thisOwner } from "./owner.js";
import { decodeRecord, encodeRecord } from "./record-codec.js";

export interface RedisStoreOptions extends NonNullable<ResolvedCacheOptions["redis"]> {
  readonly invalidations: Invalidations;
  readonly clock: CacheClock;
  readonly trouble: CacheTrouble;
}

/** What others declared invalid is looked for this often. */
const refreshMs = 1000;
/** After a failure the server is left alone for so long. */
const pauseMs = 5000;
const leaseMs = 15_000;
const renewMs = 5000;
/** What never expires here still goes when nobody has written it anew for so long. */
const longestMs = 90 * 86_400_000;

/** By the server's clock at the least; a record is gone before the marks that concern it are. */
const markScript = `
local now = redis.call("time")
local at = math.max(tonumber(ARGV[1]), now[1] * 1000 + now[2] / 1000)
redis.call("zadd", KEYS[1], "gt", string.format("%.4f", at), ARGV[2])
redis.call("zremrangebyscore", KEYS[1], "-inf", at - ARGV[3])`;

/** Only who holds a lease may renew or release it. */
const renewScript = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("pexpire", KEYS[1], ARGV[2]) end return 0`;
const releaseScript = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0`;

export class RedisStore implements CacheStore {
  readonly tier = "redis";
  readonly local = false;
  readonly #options: RedisStoreOptions;
  #client: Redis | undefined;
  #connecting: Promise<Redis> | undefined;
  /** The server's clock minus the one that our executions are timed by. */
  #offsetMs = 0;
  #marksSeen = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = 0;
  #closed = false;
  #failure = "it is closed";

  constructor(options: RedisStoreOptions) {
    this.#options = options;
  }

  get(key: string): Promise<CacheRecord | undefined> {
    return this.#ask("read", undefined, async (redis) => {
      const bytes = await redis.getBuffer(this.#options.prefix + key);
      if (bytes === null) return undefined;
      const record =
        bytes.length > 4 && bytes.readUInt32LE() === crc32(bytes.subarray(4))
          ? decodeRecord(bytes.subarray(4))
          : "damaged";
      if (record !== "damaged") return record && this.#taken(this.#shifted(record, -1));
      this.#options.trouble.report(this.tier, "corrupt", `the record of ${key} is damaged`);
      return undefined;
    });
  }

  set(key: string, record: CacheRecord): Promise<void> {
    return this.#ask("write", undefined, async (redis) => {
      const content = encodeRecord(this.#shifted(record, 1));
      const bytes = Buffer.allocUnsafe(content.length + 4);
      bytes.writeUInt32LE(crc32(content));
      content.copy(bytes, 4);
      const lifetimeMs = Math.min(longestMs, Math.ceil(record.usableUntil - Date.now()));
      if (lifetimeMs > 0) await redis.set(this.#options.prefix + key, bytes, "PX", lifetimeMs);
    });
  }

  async invalidate({ scope, name, at }: InvalidationMark): Promise<void> {
    const told = await this.#ask(
      "write",
      false,
      async (redis) => {
        const time = String(at + this.#offsetMs);
        await redis.eval(markScript, 1, `${this.#options.prefix}marks`, time, `${scope}:${name}`, longestMs);
        return true;
      },
      true,
    );
    if (told) return;
    const message = `the server of the shared cache was not told what was declared invalid, so that other machines may still give it: ${this.#failure}; declare it again when the server answers`;
    throw new OrchestratorError("NOT_INVALIDATED", message);
  }

  refresh(force: boolean): Promise<void> | void {
    if (!force && performance.now() - this.#refreshedAt < refreshMs) return;
    this.#refreshedAt = performance.now();
    return this.#ask("read", undefined, async (redis) => {
      const found = await redis.zrangebyscore(`${this.#options.prefix}marks`, this.#marksSeen, "+inf", "WITHSCORES");
      for (let place = 0; place < found.length; place += 2) {
        const [mark, time] = [found[place]!, Number(found[place + 1])];
        const colon = mark.indexOf(":");
        const scope = mark.slice(0, colon) as InvalidationMark["scope"];
        this.#options.clock.saw(time - this.#offsetMs);
        this.#options.invalidations.add({ scope, name: mark.slice(colon + 1), at: time - this.#offsetMs });
        this.#marksSeen = Math.max(this.#marksSeen, time);
      }
    });
  }

  /** Where the server does not answer, who has the right is told elsewhere. */
  lease(key: string): Promise<CacheLease | undefined | "unavailable"> {
    const name = `${this.#options.prefix}lease:${key}`;
    const token = `${ownerText(thisOwner)} ${randomName()}`;
    return this.#ask<CacheLease | undefined | "unavailable">("write", "unavailable", async (redis) => {
      const taken = await redis.set(name, token, "PX", leaseMs, "NX");
      return taken === null ? undefined : this.#hold(name, token);
    });
  }

  stats(): Promise<CacheTierStats> {
    const none = { tier: this.tier, entries: 0, bytes: 0 };
    return this.#ask("read", none, async (redis) => {
      let entries = 0;
      let cursor = "0";
      do {
        const [next, keys] = await redis.scan(cursor, "MATCH", `${this.#options.prefix}*`, "COUNT", 1000);
        entries += keys.filter(
          (key) => !key.startsWith(`${this.#options.prefix}lease:`) && !key.endsWith(":marks"),
        ).length;
        cursor = next;
      } while (cursor !== "0");
      return { ...none, entries };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => undefined);
    this.#client?.disconnect();
  }

  #hold(name: string, token: string): CacheLease {
    const timer = setInterval(
      () => void this.#ask("write", 0, (redis) => redis.eval(renewScript, 1, name, token, leaseMs)),
      renewMs,
    );
    timer.unref();
    return {
      release: async () => {
        clearInterval(timer);
        await this.#ask("write", 0, (redis) => redis.eval(releaseScript, 1, name, token));
      },
    };
  }

  #taken(record: CacheRecord): CacheRecord {
    this.#options.clock.saw(record.startedAt);
    return record;
  }

  /** A record in the server's times, or (-1) in ours. Lifetimes go by the calendar, which may be set meanwhile. */
  #shifted(record: CacheRecord, sign: 1 | -1): CacheRecord {
    const { startedAt, freshUntil, usableUntil } = record;
    const byMs = sign * this.#offsetMs;
    const calendarMs = sign * (this.#offsetMs + performance.timeOrigin + performance.now() - Date.now());
    return {
      ...record,
      bytes: record.bytes,
      startedAt: startedAt + byMs,
      freshUntil: freshUntil + calendarMs,
      usableUntil: usableUntil + calendarMs,
    };
  }

  /** @param insists whether to ask although the server did not answer a moment ago */
  async #ask<Answer>(
    kind: "read" | "write",
    otherwise: Answer,
    action: (redis: Redis) => Promise<Answer>,
    insists = false,
  ): Promise<Answer> {
    if (this.#closed || (!insists && performance.now() < this.#pausedUntil)) return otherwise;
    try {
      return await action(this.#client ?? (await this.#connect()));
    } catch (error) {
      this.#failure = (error as Error).message;
      if (this.#closed) return otherwise;
      this.#pausedUntil = performance.now() + pauseMs;
      const isClient = error instanceof OrchestratorError;
      this.#options.trouble.report(this.tier, isClient ? "unavailable" : kind, (error as Error).message);
      return otherwise;
    }
  }

  #connect(): Promise<Redis> {
    this.#connecting ??= this.#open().catch((error) => {
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }

  async #open(): Promise<Redis> {
    const { Redis: Client } = await loadClient();
    const { url, timeoutMs } = this.#options;
    const client = new Client(url, {
      lazyConnect: true,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: (times) => Math.min(times * 200, pauseMs),
    });
    // Told where a command fails; without a listener the client would print it.
    client.on("error", () => undefined);
    try {
      await client.connect();
      await this.#compareClocks(client);
      // A connection that broke may have done so because this machine slept, and its clock stood still.
      client.on("ready", () => void this.#compareClocks(client).catch(() => undefined));
    } catch (error) {
      client.disconnect();
      throw error;
    }
    this.#client = client;
    return client;
  }

  async #compareClocks(client: Redis): Promise<void> {
    const [seconds, micros] = await client.time();
    // Beside a clock that nobody sets: executions are timed by it.
    const here = performance.timeOrigin + performance.now();
    this.#offsetMs = Number(seconds) * 1000 + Number(micros) / 1000 - here;
  }
}

async function loadClient(): Promise<{ readonly Redis: typeof Redis }> {
  try {
    return await import("ioredis");
  } catch (cause) {
    throw new OrchestratorError("PACKAGE_NOT_FOUND", "a shared cache needs the package ioredis: npm install ioredis", {
      cause,
    });
  }
}
