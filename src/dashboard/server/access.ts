/**
 * Who may ask. The page and its scripts are anybody's: they hold nothing. Everything about runs is asked for with the
 * token, in a header that no other site can set, and with a Host and an Origin that are this server's own: a name of
 * somebody else's that was made to point here (DNS rebinding) is told off by its Host, a form or script of another site
 * by its Origin. What changes something must also be a POST of JSON.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface AccessRules {
  readonly token: string;
  /** `host:port` under which this server is known, in lower case. */
  readonly hosts: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 401 | 403 | 405 | 415;
  readonly message: string;
}

/** Refuses a request for another server's sake, whatever it asks for. */
export function refuseForeign({ headers }: IncomingMessage, { hosts }: AccessRules): Refusal | undefined {
  const { host, origin } = headers;
  if (host === undefined || !hosts.has(host.toLowerCase()))
    return { status: 403, message: "this server does not answer to that host name" };
  if (origin !== undefined && !hosts.has(hostOf(origin)))
    return { status: 403, message: "requests of other sites are refused" };
  if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] !== "navigate")
    return { status: 403, message: "requests of other sites are refused" };
  return undefined;
}

export function refuseWithoutToken({ headers }: IncomingMessage, { token }: AccessRules): Refusal | undefined {
  const given = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  if (timingSafeEqual(digest(given), digest(token))) return undefined;
  return { status: 401, message: "the token is missing or wrong: open the address that was printed" };
}

export function refuseChange({ method, headers }: IncomingMessage): Refusal | undefined {
  if (method !== "POST") return { status: 405, message: "takes POST" };
  const [type] = (headers["content-type"] ?? "").split(";");
  if (type!.trim().toLowerCase() !== "application/json") return { status: 415, message: "takes application/json" };
  return undefined;
}

/** `127.0.0.1:8080` of `http://127.0.0.1:8080`; nothing that matches for any other form. */
function hostOf(origin: string): string {
  return /^http:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1] ?? "";
}

/** Of one length, so that the comparison takes the same time whatever is given. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
