/** Where Redis (or Valkey) is, as fields and as a URL. */

/** How Redis (or Valkey) is reached: fields of ioredis that are plain data. */
export interface RedisConnection {
  /** Default `"127.0.0.1"`. */
  readonly host?: string;
  /** Default 6379. */
  readonly port?: number;
  /** Default: none. */
  readonly username?: string;
  /** Default: none. */
  readonly password?: string;
  /** Number of the database. Default 0. */
  readonly db?: number;
  /** As `node:tls` takes them: `{ ca, cert, key, servername }`; `{}` for TLS with the system's certificates. */
  readonly tls?: Readonly<Record<string, unknown>>;
  /** Sentinels to ask for the master, instead of `host` and `port`. Default: none. */
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[];
  /** Name of the master that the sentinels watch. */
  readonly name?: string;
  readonly [option: string]: unknown;
}

const form =
  /^(?<scheme>rediss?|redis-sentinel):\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]*)(?:\/(?<db>\d*))?(?:#(?<name>.+))?$/;
const hostForm = /^(?<host>\[[\da-fA-F:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

/** The fields that a URL stands for, or what is wrong with it. A user without a password is what Redis calls its name. */
export function parseConnection(text: string): { readonly connection: RedisConnection } | { readonly wrong: string } {
  const parts = form.exec(text)?.groups;
  if (parts === undefined) return { wrong: `${takes}, got ${JSON.stringify(withoutPassword(text))}` };
  const { scheme, username, password, db, name } = parts;
  const sentinel = scheme === "redis-sentinel";
  const hosts = (parts.hosts === "" ? "127.0.0.1" : parts.hosts!).split(",").map((each) => {
    const found = hostForm.exec(each)?.groups;
    const port = Number(found?.port ?? (sentinel ? 26_379 : 6379));
    return { host: found?.host?.replace(/^\[|\]$/g, ""), port };
  });
  const [first] = hosts;
  if (hosts.some(({ host, port }) => host === undefined || port > 65_535) || (!sentinel && hosts.length > 1))
    return { wrong: `${takes}, got ${JSON.stringify(withoutPassword(text))}` };
  if (sentinel && name === undefined)
    return { wrong: "takes the name of the master that the sentinels watch at its end: #mymaster" };
  const place = sentinel
    ? { sentinels: hosts as { host: string; port: number }[], name: decodeURIComponent(name!) }
    : first;
  return {
    connection: {
      ...(place as RedisConnection),
      ...(username === undefined || username === "" ? undefined : { username: decodeURIComponent(username) }),
      ...(password === undefined || password === "" ? undefined : { password: decodeURIComponent(password) }),
      ...(db === undefined || db === "" ? undefined : { db: Number(db) }),
      ...(scheme === "rediss" ? { tls: {} } : undefined),
    },
  };
}

const takes =
  "takes a URL such as redis://127.0.0.1:6379, rediss://user:password@host:6380 or redis-sentinel://host:26379#mymaster";

/** Errors are printed, logged and sent to trackers: a secret has no place in them. */
function withoutPassword(text: string): string {
  return text.replace(/(:\/\/[^:@/]*:)[^@]*@/, "$1***@");
}
