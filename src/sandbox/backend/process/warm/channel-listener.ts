/**
 * Where the channels of forked runs come in. Node cannot be handed a descriptor, so the template connects to a socket,
 * says which run it connects for and which process is its init, and leaves the connection to the run. The socket's name
 * exists only until the fork server has opened it; after that nobody else can reach it.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OrchestratorError } from "../../../../model/error.js";

const longestHello = 128;

export interface RunChannel {
  readonly socket: Socket;
  /** Pid of the run's init in the server's own namespace. */
  readonly init: number;
}

export class ChannelListener {
  readonly path: string;
  readonly #folder: string;
  readonly #server: Server;
  readonly #waiting = new Map<string, (channel: RunChannel) => void>();
  readonly #greeting = new Set<Socket>();

  private constructor(folder: string, path: string, server: Server) {
    this.#folder = folder;
    this.path = path;
    this.#server = server;
    server.on("connection", (socket) => this.#greet(socket));
    // A connection that fails before its hello is nobody's; the run it was for fails by itself.
    server.on("error", () => {});
  }

  static async open(): Promise<ChannelListener> {
    const folder = mkdtempSync(join(tmpdir(), `oe-warm-${process.pid}-`));
    const path = join(folder, "channel");
    const server = createServer({ pauseOnConnect: true });
    try {
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw new OrchestratorError("SANDBOX_FAILURE", `failed to listen for warm sandboxes at ${path}`, {
        cause: error,
      });
    }
    server.unref();
    // The folder keeps others out; the fork server's own user, who is nobody here, must be able to connect.
    chmodSync(path, 0o666);
    return new ChannelListener(folder, path, server);
  }

  /** The name is of no more use: whoever needs the socket holds it. */
  forgetName(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What a run must say to be taken for `id`, and its connection once it has. */
  expect(id: number): { readonly secret: string; readonly opened: Promise<RunChannel>; cancel(): void } {
    const secret = randomUUID();
    const hello = `${id} ${secret}`;
    const opened = new Promise<RunChannel>((resolve) => this.#waiting.set(hello, resolve));
    return { secret, opened, cancel: () => this.#waiting.delete(hello) };
  }

  close(): void {
    this.forgetName();
    for (const socket of this.#greeting) socket.destroy();
    this.#server.close();
  }

  #greet(socket: Socket): void {
    socket.unref();
    this.#greeting.add(socket);
    socket.on("error", () => {});
    const read = () => {
      // The template says its hello in one write, and the run says nothing before it is spoken to but what follows it.
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      const end = chunk.indexOf(10);
      const words = chunk.toString("latin1", 0, Math.min(Math.max(end, 0), longestHello));
      const [, hello = "", init] = /^(\d+ \S+) (\d+)$/.exec(words) ?? [];
      const take = this.#waiting.get(hello);
      socket.off("readable", read);
      this.#greeting.delete(socket);
      if (take === undefined) {
        socket.destroy();
        return;
      }
      this.#waiting.delete(hello);
      if (chunk.length > end + 1) socket.unshift(chunk.subarray(end + 1));
      take({ socket, init: Number(init) });
    };
    socket.on("readable", read);
    socket.once("close", () => this.#greeting.delete(socket));
  }
}
