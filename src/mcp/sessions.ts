/** The sessions of one client, by id, and no more of them than the server allows. */
import type { SandboxSession } from "../sandbox/session.js";

export class ClientSessions {
  readonly #most: number;
  readonly #sessions = new Map<string, SandboxSession>();
  #starting = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Throws where there are too many, which ended ones are not counted among. */
  async create(start: () => Promise<SandboxSession>): Promise<SandboxSession> {
    this.#forgetEnded();
    if (this.#sessions.size + this.#starting >= this.#most)
      throw new Error(`there are ${this.#most} sessions already; destroy one first (session_list names them)`);
    this.#starting++;
    try {
      const session = await start();
      this.#sessions.set(session.id, session);
      return session;
    } finally {
      this.#starting--;
    }
  }

  /** The session of that id. An ended one is given once more, so that its end is told. */
  get(id: string): SandboxSession {
    const session = this.#sessions.get(id);
    if (session === undefined)
      throw new Error(`there is no session "${id}"; session_create makes one, session_list names those there are`);
    if (session.state !== "ended") return session;
    this.#sessions.delete(id);
    throw new Error(
      `session "${id}" has ended: ${session.end?.message ?? "it was closed"}; its state and files are gone, session_create makes a new one`,
    );
  }

  list(): readonly SandboxSession[] {
    return [...this.#sessions.values()];
  }

  async destroy(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new Error(`there is no session "${id}"`);
    this.#sessions.delete(id);
    await session.close();
  }

  async destroyAll(): Promise<void> {
    const sessions = this.list();
    this.#sessions.clear();
    await Promise.all(sessions.map((session) => session.close()));
  }

  #forgetEnded(): void {
    for (const [id, { state }] of this.#sessions) if (state === "ended") this.#sessions.delete(id);
  }
}
