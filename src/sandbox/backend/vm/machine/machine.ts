/**
 * One virtual machine: QEMU, locked into a sandbox of the process backend like any other program that nobody trusts.
 *
 * QEMU reads what a guest's kernel says to its devices, and has had its holes. So it runs as a user of its own, in
 * namespaces without a network, behind the same filter of system calls and with nothing of the host but its libraries
 * and the files of its guest, all read-only; its cgroup bounds what a guest can take of memory and CPU; the keeper of
 * its sandbox ends it at the deadline even if this process is stuck, and when this process dies.
 *
 *     descriptor of the channel   the line to the guest's agent (see line/frames.ts)
 *     standard input and output   QEMU's control connection (see qmp.ts)
 *     standard error              QEMU's complaints and the guest's console, of which the end is kept
 */
import { OrchestratorError } from "../../../../model/error.js";
import type { ResolvedSandboxConfig } from "../../../config.js";
import { resolveSandboxConfig } from "../../../config.js";
import type { Language } from "../../../language.js";
import { encodeFrame, type Frame, FrameDecoder } from "../../../line/frames.js";
import { driverFolder, type Mount } from "../../../recipe.js";
import type { SandboxExit } from "../../../run/launched.js";
import { ColdLauncher } from "../../process/cold/cold-launcher.js";
import type { ColdSandbox } from "../../process/cold/cold-sandbox.js";
import { makeRecipe } from "../../process/make-recipe.js";
import type { Accelerator } from "../accelerator.js";
import { QmpClient } from "./qmp.js";

export const qemuPath = "/usr/bin/qemu-system-x86_64";

export interface MachineFiles {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** A saved state to go on from; the machine boots where there is none. */
  readonly state?: string;
  /** Socket of this process that a state is saved to. */
  readonly saveTo?: string;
}

export interface MachineOptions {
  readonly files: MachineFiles;
  readonly accelerator: Accelerator;
  readonly memoryMebibytes: number;
}

/** Where the files of a machine are in its own sandbox. */
const inside = {
  disk: "/vm/disk.img",
  kernel: "/vm/vmlinuz",
  initrd: "/vm/initrd",
  state: "/vm/state",
  saveTo: "/vm/save",
};

/**
 * The channel's descriptor comes last. A state is read from a descriptor, because QEMU opens no file for it.
 *
 * QEMU asks for huge pages, and is to have them: where a state is restored page by page, most of the time goes to their faults.
 * So its cgroup allows for all of the guest's memory, of which two mebibytes at a time may be taken.
 */
const startScript = `
channel=@{!#}
set -- "@{@:1:$#-1}" -chardev "socket,id=line,fd=$channel"
if [ -e ${inside.state} ]; then exec 9<${inside.state}; set -- "$@" -incoming fd:9; fi
exec ${qemuPath} "$@"
`.replaceAll("@{", "${");

const qemu: Language = {
  name: "qemu",
  aliases: [],
  extensions: [],
  driverFiles: { "start.sh": startScript },
  findInterpreter: async () => ({ path: qemuPath, version: "", mounts: [], packageFolders: [] }),
  command: () => [],
  environment: {},
};

/** What QEMU takes besides the guest's memory: its own code and tables, and translated code under emulation. */
const qemuMebibytes = 384;
const longestConsole = 8192;
/** Bytes that wait here for the guest: those that hold back whoever has more, and those that only an enemy lets wait. */
const littleUnread = 2 ** 20;
const mostUnread = 32 * 2 ** 20;

const launcher = new ColdLauncher();

export class Machine {
  readonly qmp: QmpClient;
  /** Resolves with why it ended, once it has. */
  readonly ended: Promise<string>;
  /** Told of each frame of the agent. */
  onFrame: (frame: Frame) => void = () => {};
  /** Told when the guest has read all that it was sent. */
  onRead: () => void = () => {};
  readonly sandbox: ColdSandbox;
  #console = "";
  #broken: string | undefined;
  #breakDown!: (reason: string) => void;
  readonly #brokeDown: Promise<string>;

  private constructor(sandbox: ColdSandbox) {
    this.sandbox = sandbox;
    this.qmp = new QmpClient(sandbox.stdin, sandbox.stdout);
    this.#brokeDown = new Promise((resolve) => {
      this.#breakDown = resolve;
    });
    this.ended = Promise.race([this.#brokeDown, sandbox.exited.then((exit) => this.#describeExit(exit))]);
    sandbox.stderr.setEncoding("latin1").on("data", (text: string) => {
      this.#console = (this.#console + text).slice(-longestConsole);
    });
    sandbox.channel.input.on("drain", () => this.onRead());
    const decoder = new FrameDecoder();
    sandbox.channel.output.on("data", (chunk: Buffer) => {
      if (this.#broken !== undefined) return;
      try {
        for (const frame of decoder.push(chunk)) this.onFrame(frame);
      } catch (error) {
        this.breakOff((error as Error).message);
      }
    });
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const { files, accelerator, memoryMebibytes } = options;
    const config = machineConfig(memoryMebibytes);
    const readOnly = (source: string, target: string): Mount => ({ type: "read-only", source, target });
    const mounts: Mount[] = [
      readOnly("/usr/share/qemu", "/usr/share/qemu"),
      readOnly("/usr/share/seabios", "/usr/share/seabios"),
      readOnly(files.disk, inside.disk),
      readOnly(files.kernel, inside.kernel),
      readOnly(files.initrd, inside.initrd),
      ...(files.state === undefined ? [] : [readOnly(files.state, inside.state)]),
      ...(files.saveTo === undefined ? [] : [{ type: "socket", source: files.saveTo, target: inside.saveTo } as const]),
      ...accelerator.mounts,
    ];
    const interpreter = { path: qemuPath, version: "", mounts: [], packageFolders: [] };
    const recipe = makeRecipe(config, qemu, interpreter, [{ key: "machine", mounts, environment: {} }], []);
    const command = ["/bin/bash", "--noprofile", "--norc", `${driverFolder}/start.sh`, ...machineArguments(options)];
    return new Machine(await launcher.launch({ ...recipe, command }));
  }

  send(kind: string, payload: Uint8Array | string = ""): void {
    if (this.#broken !== undefined) return;
    const { input } = this.sandbox.channel;
    input.write(encodeFrame(kind, payload));
    // An agent reads whatever comes, and no partner of it sends more than a few windows ahead.
    if (input.writableLength > mostUnread) this.breakOff("the guest does not read its line");
  }

  /** Whether the guest has read what it was sent, but for a little; where it has not, `onRead` is told once it has. */
  get isRead(): boolean {
    return this.sandbox.channel.input.writableLength < littleUnread;
  }

  /** Of the whole machine, where a cgroup can hold it. */
  setCpuQuota(micros: number | "unlimited"): void {
    this.sandbox.setCpuQuota(micros);
  }

  /** Seconds of CPU of the whole machine so far, where a cgroup counts them. */
  get cpuSeconds(): number | undefined {
    return this.sandbox.usage().cpuSeconds;
  }

  /** Counts as the end of the machine: what it sends from now on is not heard. */
  breakOff(reason: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#breakDown(reason);
  }

  /** The end of what the guest's kernel and QEMU have printed. */
  get lastWords(): string {
    return printable(this.#console).trim().slice(-1000);
  }

  #describeExit({ failure, exitCode, signal }: SandboxExit): string {
    if (failure !== undefined) return failure;
    const [panic] = /Kernel panic[ -~]*/.exec(this.#console) ?? [];
    if (panic !== undefined) {
      // What its first process has said on its way out; the kernel's own words begin with a time.
      const words = printable(this.#console).split("Kernel panic")[0]!.split("\n");
      const before = words.filter((line) => line !== "" && !line.startsWith("[")).at(-1) ?? "";
      return `the guest's kernel gave up: ${panic}${before === "" ? "" : `, after: ${before.slice(0, 300)}`}`;
    }
    const words = this.lastWords;
    const said = words === "" ? "" : `: ${words}`;
    if (this.sandbox.usage().oomKills > 0)
      return `the virtual machine was killed because it needed more of the host's memory than it may have${said}`;
    const how = signal ?? (exitCode === 0 ? "" : `exit code ${exitCode}`);
    return `the virtual machine ended${how === "" ? "" : ` (${how})`}${said}`;
  }
}

/** What a console prints is not to reach a terminal as it is. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\n]/g, "");
}

function machineConfig(memoryMebibytes: number): ResolvedSandboxConfig {
  const config = resolveSandboxConfig({
    memoryLimit: `${memoryMebibytes + qemuMebibytes}MiB`,
    cpuQuota: 400_000,
    timeLimit: "1h",
    processLimit: 64,
    openFilesLimit: 256,
    diskLimit: "1MiB",
    inodeLimit: 64,
  });
  return config;
}

const kernelArguments = [
  ...["console=ttyS0", "quiet", "loglevel=1", "panic=-1", "oops=panic", "random.trust_cpu=on", "init_on_alloc=0"],
  ...["mitigations=off", "audit=0", "nowatchdog", "no_timer_check", "tsc=reliable", "rdinit=/init", "i8042.noaux"],
];

function machineArguments({ accelerator, memoryMebibytes }: MachineOptions): string[] {
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "sandbox"],
    // A machine is stopped while it is saved, and goes on by itself where it is restored.
    ...["-global", "migration.store-global-state=off"],
    ...["-M", "q35,usb=off,vmport=off,smbus=off,sata=off,i8042=off,hpet=off", ...accelerator.arguments],
    ...["-m", `${memoryMebibytes}M`, "-smp", "1"],
    ...["-chardev", "stdio,id=control,signal=off", "-mon", "chardev=control,mode=control"],
    ...["-chardev", "file,id=console,path=/dev/stderr", "-serial", "chardev:console"],
    ...["-kernel", inside.kernel, "-initrd", inside.initrd, "-append", kernelArguments.join(" ")],
    ...["-drive", `file=${inside.disk},format=raw,if=none,id=disk,readonly=on,file.locking=off`],
    ...["-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci,id=ports,max_ports=2"],
    ...["-device", "virtserialport,bus=ports.0,nr=1,chardev=line,name=agent"],
  ];
}

/** @throws OrchestratorError `SANDBOX_FAILURE` once the machine has ended. */
export async function orEnd<Value>(machine: Machine, what: string, promise: Promise<Value>): Promise<Value> {
  const ended = machine.ended.then((reason) => {
    throw new OrchestratorError("SANDBOX_FAILURE", `${what}: ${reason}`);
  });
  return await Promise.race([promise, ended]);
}

/** Has QEMU save the machine's state to the socket it was started with. */
export async function saveState(machine: Machine): Promise<void> {
  const { qmp } = machine;
  await qmp.execute("qmp_capabilities");
  await qmp.execute("stop");
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  await qmp.execute("migrate", { uri: `unix:${inside.saveTo}` });
  for (;;) {
    const { status, "error-desc": reason } = await qmp.execute<{ status?: string; "error-desc"?: string }>(
      "query-migrate",
    );
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled")
      throw new OrchestratorError("SANDBOX_FAILURE", `the machine's state could not be saved: ${reason ?? status}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
