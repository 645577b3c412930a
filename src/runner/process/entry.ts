/** What a worker process runs: the protocol over a pipe. It ends when the pipe does, because then its parent has. */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { toErrorData } from "../../model/error.js";
import { type ToWorkerMessage, toParent, toWorker } from "../worker/protocol.js";
import { serve } from "../worker/serve.js";
import { encodeFrame, FrameReader } from "./frames.js";
import { channelDescriptor, fromProcess, type ProcessSetup, setupVariable } from "./process-protocol.js";

const setup = JSON.parse(process.env[setupVariable]!) as ProcessSetup;
delete process.env[setupVariable];

const socket = new Socket({ fd: channelDescriptor, readable: true, writable: true });
let cpuBefore = process.cpuUsage();

const receive = serve(
  {
    post(message) {
      const frame = encodeFrame(message);
      const isEnd = typeof message === "number" || message[0] === toParent.succeeded || message[0] === toParent.failed;
      if (setup.tellCpu && isEnd) {
        const { user, system } = process.cpuUsage(cpuBefore);
        socket.write(encodeFrame([fromProcess.cpu, user + system]));
      }
      socket.write(frame);
    },
    // One attempt at a time, and it is told only what is to begin at once: nothing to claim, no doubt what is on the stack.
    claim: () => true,
    onStack() {},
    usedBytes: () => process.memoryUsage.rss(),
  },
  { tasksPerWorker: 1, recycleAfterBytes: setup.recycleAfterBytes },
);

const reader = new FrameReader((value) => {
  const message = value as ToWorkerMessage;
  if (setup.tellCpu && typeof message !== "number" && message[0] === toWorker.call) cpuBefore = process.cpuUsage();
  receive(message);
});
socket.on("data", (chunk) => reader.push(chunk));
socket.on("close", () => process.exit(0));
socket.on("error", () => process.exit(0));

process.on("uncaughtExceptionMonitor", (error) => {
  try {
    // At once, past the socket: there is no later turn.
    writeSync(channelDescriptor, encodeFrame([fromProcess.dying, toErrorData(error)]));
  } catch {
    // The pipe is full or gone: the exit code tells the rest.
  }
});
