/** Connects to a destination by the addresses that were checked, one after the other. */
import { connect, type Socket } from "node:net";
import type { Destination } from "./policy.js";

/** The first connection that opens within `timeoutMs`. Rejects with the last error where none does. */
export async function dial(destination: Destination, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  let last: unknown;
  for (const address of destination.addresses) {
    try {
      return await dialOne(address, destination.port, timeoutMs, signal);
    } catch (error) {
      last = error;
      if (signal.aborted) break;
    }
  }
  throw new Error(`failed to connect to ${destination.name}:${destination.port}: ${(last as Error).message}`, {
    cause: last,
  });
}

function dialOne(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
    socket.once("error", reject);
    socket.once("close", () => clearTimeout(timer));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", reject);
      // Whoever takes the socket over listens for itself; until then an error must not end the process.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}
