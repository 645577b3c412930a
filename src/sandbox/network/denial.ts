/** What code in a sandbox tried to reach and was not let, for the result and for the code itself. */
import type { NetworkDenial, NetworkDenialReason } from "../../model/sandbox.js";

/** A request is denied: thrown inside the proxy, answered and recorded at its edge. */
export class Denied extends Error {
  readonly host: string;
  readonly port: number;
  readonly reason: NetworkDenialReason;

  constructor(target: { readonly host: string; readonly port: number }, reason: NetworkDenialReason, message: string) {
    super(printable(message));
    this.host = printable(target.host).slice(0, 253);
    this.port = target.port;
    this.reason = reason;
  }
}

const mostDenials = 100;

/** The denials of one sandbox, equal ones counted, and no more kept than a result should carry. */
export class DenialRecord {
  readonly #denials = new Map<string, { -readonly [Key in keyof NetworkDenial]: NetworkDenial[Key] }>();

  add({ host, port, reason, message }: Denied): void {
    const key = `${host}\0${port}\0${reason}`;
    const known = this.#denials.get(key);
    if (known !== undefined) known.count++;
    else if (this.#denials.size < mostDenials) this.#denials.set(key, { host, port, reason, message, count: 1 });
  }

  list(): NetworkDenial[] {
    return [...this.#denials.values()].map((denial) => ({ ...denial }));
  }
}

/** What can stand in a status line and a log: the rest is shown as `?`. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?").slice(0, 600);
}
