/** What is wrong between this process and Redis, in words: where it is, what happened, what to do. */
import { OrchestratorError } from "../../../model/error.js";
import type { RedisConnection } from "../connection-url.js";

/** The error with the place of the server, and never with a password. */
export function redisTrouble(connection: RedisConnection, error: Error): OrchestratorError {
  if (error instanceof OrchestratorError) return error;
  const where = placeOf(connection);
  const remedy = remedies.find(({ form }) => form.test(textOf(error)));
  const message =
    remedy === undefined
      ? `cannot reach Redis at ${where}: ${textOf(error)}`
      : `Redis at ${where} ${remedy.says} (${textOf(error).split("\n")[0]!.slice(0, 200)})`;
  return new OrchestratorError("REDIS_UNAVAILABLE", message, { cause: error });
}

/** Whether trying again is of no use: what has to change is here, or on the server. */
export function isFinal(error: Error): boolean {
  return remedies.some(({ form }) => form.test(textOf(error)));
}

const remedies: readonly { readonly form: RegExp; readonly says: string }[] = [
  { form: /^WRONGPASS|invalid password/, says: "refuses this user name or password" },
  { form: /^NOAUTH/, says: "asks for a password: redis://user:password@host:port" },
  { form: /^NOPERM/, says: "does not give this user the rights that docs/scaling.md lists" },
  {
    form: /self.signed certificate|unable to (verify|get).*certificate|certificate has expired|altname|certificate required|bad certificate|unknown ca/i,
    says: "and this side do not trust each other's certificates: see --tls-ca, --tls-cert and --tls-key, or tls in connection",
  },
];

function textOf(error: Error): string {
  // One that stands for a try at each address of a name has no message of its own.
  const first = (error as { errors?: Error[] }).errors?.[0];
  const { code } = error as { code?: string };
  return error.message || first?.message || code || error.name;
}

function placeOf({ host = "127.0.0.1", port = 6379, sentinels, name }: RedisConnection): string {
  if (sentinels === undefined) return `${host}:${port}`;
  return `the master "${name}" of the sentinels ${sentinels.map((each) => `${each.host}:${each.port}`).join(", ")}`;
}
