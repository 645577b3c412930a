/** What a worker thread runs: the protocol over a port of its own, and the claims in shared memory. */

import { getHeapStatistics } from "node:v8";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { claim, claimIndex, onStackIndex, type ToWorkerMessage } from "../worker/protocol.js";
import { serve } from "../worker/serve.js";
import type { ThreadSetup } from "./setup.js";

const { port, shared, options } = workerData as ThreadSetup & { port: MessagePort };
const claims = new Int32Array(shared);

const receive = serve(
  {
    post(message, transfer) {
      if (transfer === undefined) port.postMessage(message);
      else port.postMessage(message, transfer as readonly ArrayBuffer[]);
    },
    claim(slot) {
      const index = claimIndex(slot);
      if (Atomics.compareExchange(claims, index, claim.waiting, claim.begun) === claim.waiting) return true;
      // Told to the parent without a message: it looks here before it uses the slot again.
      Atomics.store(claims, index, claim.dropped);
      return false;
    },
    onStack(slot) {
      claims[onStackIndex] = slot + 1;
    },
    usedBytes() {
      const { used_heap_size, external_memory } = getHeapStatistics();
      return used_heap_size + external_memory;
    },
  },
  options,
);

port.on("message", (message: ToWorkerMessage) => {
  receive(message);
  // Taking the rest at once saves an event for each message, which costs as much as the message. Bounded, so that
  // timers and sockets of asynchronous attempts have their turn.
  for (let count = 0; count < 64; count++) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) return;
    receive(next.message);
  }
});
