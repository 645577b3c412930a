/** Runs a program of the engine's own in a container, to its end: what asks an image, what makes a view of it. */
import { randomBytes } from "node:crypto";
import type { DockerClient } from "../client/client.js";
import { Demultiplexer } from "../client/demultiplex.js";
import type { ContainerSpec } from "../container-spec.js";

export interface RunToEndOptions {
  readonly onOutput?: (chunk: Buffer) => void;
  /** Before it starts, with its id. */
  readonly before?: (id: string) => Promise<void>;
  /** When it has ended, and is still there. */
  readonly after?: (id: string) => Promise<void>;
}

export interface Outcome {
  readonly exitCode: number;
  /** The end of what it wrote to standard error. */
  readonly complaints: string;
}

const longestComplaints = 8192;
const patienceMs = 300_000;

/** @throws DaemonError or OrchestratorError where it could not be run; nothing is left of it then. */
export async function runToEnd(
  client: DockerClient,
  spec: ContainerSpec,
  { onOutput, before, after }: RunToEndOptions = {},
): Promise<Outcome> {
  const id = await client.createContainer(`orchestrator-${randomBytes(9).toString("hex")}`, spec);
  try {
    await before?.(id);
    const line = await client.attach(id);
    let complaints = "";
    const demultiplexer = new Demultiplexer((stream, chunk) => {
      if (stream === 2) complaints = (complaints + chunk.toString("latin1")).slice(-longestComplaints);
      else onOutput?.(chunk);
    });
    const timer = setTimeout(() => line.destroy(new Error("it took too long")), patienceMs);
    try {
      await client.startContainer(id);
      for await (const chunk of line) demultiplexer.push(chunk as Buffer);
    } finally {
      clearTimeout(timer);
      line.destroy();
    }
    const exitCode = await client.waitContainer(id);
    await after?.(id);
    return { exitCode, complaints: complaints.trim() };
  } finally {
    await client.removeContainer(id).catch(() => {});
  }
}
