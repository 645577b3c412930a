/**
 * One CONNECT tunnel: what was asked for must be allowed, and the TLS inside must ask for the same name.
 *
 *     asked -> admitted -> located -> connected -> "200" -> hello read -> same name -> bytes flow
 *
 * The destination sees a connection before the hello is read, so that a client hears in clear text why it failed; it sees no byte until
 * the name in the hello was compared.
 */
import type { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { longestHelloBytes, readClientHello } from "./client-hello.js";
import { Denied } from "./denial.js";
import { type Authority, readHostName } from "./host-name.js";
import type { Meter } from "./meter.js";

/** A TLS record with the fatal alert "access denied", for a client that speaks TLS by now. */
const accessDeniedAlert = Buffer.from([21, 3, 3, 0, 2, 2, 49]);

/** The first bytes of the tunnel, once they are known to ask for `name`. Throws `Denied` otherwise. */
export async function readHello(
  client: Duplex,
  head: Buffer,
  target: Authority & { readonly name: string },
  timeoutMs: number,
): Promise<Buffer> {
  let bytes = head;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const hello = readClientHello(bytes);
    if (hello.state === "complete") {
      checkName(hello, target);
      return bytes;
    }
    if (hello.state === "malformed")
      throw new Denied(
        target,
        "unreadable-name",
        `the tunnel to ${target.name} carries ${hello.problem}; only TLS with a server name can be let through`,
      );
    if (bytes.length > longestHelloBytes)
      throw new Denied(target, "unreadable-name", `the TLS hello to ${target.name} is too long`);
    bytes = Buffer.concat([bytes, await nextChunk(client, deadline)]);
  }
}

function checkName(hello: { serverName?: string; encrypted: boolean }, target: Authority & { name: string }): void {
  const { serverName, encrypted } = hello;
  if (encrypted)
    throw new Denied(
      target,
      "unreadable-name",
      `the TLS hello to ${target.name} has an encrypted server name; switch ECH off`,
    );
  if (serverName === undefined)
    throw new Denied(target, "unreadable-name", `the TLS hello to ${target.name} has no server name`);
  const named = readHostName(serverName);
  if (named.kind !== "name" || named.name !== target.name)
    throw new Denied(target, "name-mismatch", `a tunnel to ${target.name} was asked for and TLS names "${serverName}"`);
}

function nextChunk(client: Duplex, deadline: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (client.destroyed) {
      reject(new Error("the client went away before it spoke TLS"));
      return;
    }
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      client.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onEnd);
      client.pause();
      finish();
    };
    const onData = (chunk: Buffer) => settle(() => resolve(chunk));
    const onEnd = () => settle(() => reject(new Error("the client went away before it spoke TLS")));
    const onTimeout = () => settle(() => reject(new Error("the client did not speak TLS in time")));
    // Of the whole hello: a byte now and then does not put it off.
    const timer = setTimeout(onTimeout, Math.max(0, deadline - performance.now()));
    client.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onEnd);
    client.resume();
  });
}

/** Lets bytes flow both ways until either side ends, each side's end passed on. */
export function join(client: Duplex, upstream: Socket, first: Buffer, meter: Meter): void {
  meter.count(first.length);
  upstream.write(first);
  const destroyBoth = () => {
    client.destroy();
    upstream.destroy();
  };
  const onEnd = (error: unknown) => {
    if (error) destroyBoth();
  };
  pipeline(client, meter.stream(), upstream, onEnd);
  pipeline(upstream, meter.stream(), client, onEnd);
}

/** Ends a tunnel in a way that a TLS client understands. */
export function refuseTunnel(client: Duplex): void {
  client.end(accessDeniedAlert);
  client.resume();
}
