/** A restored guest, as a partner of the line: its gate, its way to the proxy of allowed domains, and what holds its machine. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { detectCgroups } from "../../../../host/cgroup/index.js";
import { OrchestratorError } from "../../../../model/error.js";
import type { ResolvedLimits } from "../../../config.js";
import type { Frame } from "../../../line/frames.js";
import type { LineSandbox, Partner, PartnerEnd } from "../../../line/line-sandbox.js";
import type { SandboxUsage } from "../../../run/launched.js";
import { type Machine, orEnd } from "../machine/machine.js";
import { GuestStreams } from "../network/guest-streams.js";

/** A guest that is restored answers in a second; on a very busy machine under emulation in many. */
const usualStartDeadlineMs = 60_000;
/** Beyond the supervisor's own patience with a guest that is to kill its run and tell its files. */
const keeperSlackMs = 1500;

export class Guest implements Partner {
  readonly noun = "guest";
  readonly ended: Promise<PartnerEnd>;
  readonly #machine: Machine;
  #streams: GuestStreams | undefined;
  #cpuBefore = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.ended = machine.ended.then((reason) => {
      this.#streams?.close();
      return { reason };
    });
  }

  set onFrame(listener: (frame: Frame) => void) {
    this.#machine.onFrame = listener;
  }

  send(kind: string, payload: Uint8Array | string = ""): void {
    this.#machine.send(kind, payload);
  }

  /** The decoder's reader breaks the machine off with what is thrown here. */
  hear({ kind, payload }: Frame): boolean {
    if (kind !== "W") return false;
    if (this.#streams === undefined) throw new RangeError("the guest asked for a way out that it was not given");
    this.#streams.hear(payload);
    return true;
  }

  breakOff(reason: string): void {
    this.#machine.breakOff(reason);
  }

  beforeKill(): void {
    this.#machine.setCpuQuota("unlimited");
    this.#streams?.close();
  }

  armDeadline(milliseconds: number): void {
    // The keeper of QEMU's sandbox is beside this process and outside of the guest. It is the last resort: what the guest
    // has to tell at its end takes a moment more.
    this.#machine.sandbox.armDeadline(milliseconds + keeperSlackMs);
  }

  setWaiting(waiting: boolean): void {
    this.#machine.sandbox.setWaiting?.(waiting);
  }

  /** Counted in the guest, but for the CPU where this host counts that of the whole machine. */
  usage(): Partial<SandboxUsage> {
    const { cpuSeconds } = this.#machine;
    return cpuSeconds === undefined ? {} : { cpuSeconds: Math.max(0, cpuSeconds - this.#cpuBefore) };
  }

  connectProxy(socketPath: string): void {
    const machine = this.#machine;
    const streams = new GuestStreams({
      connect: () => connect({ path: socketPath, allowHalfOpen: true }),
      send: (payload) => machine.send("W", payload),
      mayRead: () => machine.isRead,
    });
    this.#streams = streams;
    machine.onRead = () => streams.readOn();
  }

  kill(): Promise<void> {
    return this.#machine.sandbox.kill();
  }

  async dispose(): Promise<void> {
    this.#streams?.close();
    await this.#machine.sandbox.dispose();
  }

  /**
   * Tells the restored guest the time and its limits, gives it entropy of its own, and lets its driver go.
   *
   * @param startDeadlineMs How long it may take to pass its gate. Default a minute.
   * @throws OrchestratorError `SANDBOX_FAILURE` for a guest that does not pass.
   */
  async go(sandbox: LineSandbox, limits: ResolvedLimits, startDeadlineMs = usualStartDeadlineMs): Promise<void> {
    const machine = this.#machine;
    const { memoryBytes, processes, cpuQuotaMicros, openFiles, fileSizeBytes, diskBytes, inodes } = limits;
    const order = {
      time: Date.now(),
      entropy: randomBytes(64).toString("hex"),
      memoryBytes,
      processes,
      // Where the host limits the machine, the guest must not limit it again: it takes a pause of its machine for work.
      cpuQuotaMicros: detectCgroups().cpu.usable ? null : cpuQuotaMicros,
      rlimits: { RLIMIT_NOFILE: openFiles, RLIMIT_FSIZE: fileSizeBytes },
      diskBytes,
      // The three folders and the root of the file system are not the code's.
      inodes: inodes + 4,
    };
    const passed = sandbox.nextFrame("G");
    machine.send("G", JSON.stringify(order));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `a guest could not be restored: it did not answer within ${startDeadlineMs / 1000} s`;
      timer = setTimeout(() => reject(new OrchestratorError("SANDBOX_FAILURE", message)), startDeadlineMs);
    });
    try {
      await orEnd(machine, "a guest could not be restored", Promise.race([passed, late]));
    } finally {
      clearTimeout(timer);
    }
    // By now the first time is as old as its restoring took, which is seconds on a busy machine.
    machine.send("T", String(Date.now()));
    this.#cpuBefore = machine.cpuSeconds ?? 0;
    machine.setCpuQuota(cpuQuotaMicros);
  }
}
