/**
 * The folder of this supervisor on the host: what all of its sandboxes show read-only (drivers, a made-up `/etc`, the
 * system call filter), and an empty folder over which each run mounts its own scratch file system, in a mount
 * namespace that dies with the run. Nothing of a run is ever written here.
 *
 * Its name holds pid namespace, pid and start time of the supervisor, so that the folder of a dead one is told from
 * that of a living one and removed by the next (`sweepSupervisorFolders`). It is made at the first use and removed at
 * the end of the process.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownedFolderName, sweepOwnedFolders } from "../../../host/owned-folders.js";
import type { Language } from "../../language.js";
import { insideUser } from "../../recipe.js";
import { hostSeccompProgram } from "../../seccomp/index.js";
import { companionsFileName, companionsScript } from "./cold/companions-script.js";
import { lockFileName, lockScript } from "./cold/lock-script.js";

/** Beside every driver. */
const commonFiles = { [lockFileName]: lockScript, [companionsFileName]: companionsScript };

const prefix = "orchestrator-sandbox-";

export interface SupervisorFolder {
  readonly path: string;
  /** A made-up `/etc`. */
  readonly etc: string;
  /** Where each run mounts its scratch file system, unseen by all others. */
  readonly scratch: string;
  readonly seccomp: string;
  /** The folder with a language's driver, made once. */
  driver(language: Language): string;
}

let own: SupervisorFolder | undefined;

/** The folder of this process. */
export function supervisorFolder(): SupervisorFolder {
  own ??= makeFolder();
  return own;
}

/** Every user of a sandbox must be able to walk to it, so root takes no private temporary folder. */
function parents(): readonly string[] {
  return process.getuid?.() === 0 ? ["/run", "/tmp", tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
}

function makeFolder(): SupervisorFolder {
  const path = makeTemporary();
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  const folder = (name: string) => {
    mkdirSync(join(path, name), { mode: 0o755 });
    return join(path, name);
  };
  const etc = folder("etc");
  fillEtc(etc);
  const seccomp = join(path, "seccomp.bpf");
  writeFileSync(seccomp, hostSeccompProgram(), { mode: 0o444 });
  const drivers = new Map<string, string>();
  return {
    path,
    etc,
    scratch: folder("scratch"),
    seccomp,
    driver(language) {
      let driver = drivers.get(language.name);
      if (driver === undefined) {
        driver = folder(`driver-${language.name}`);
        for (const [name, source] of Object.entries({ ...language.driverFiles, ...commonFiles }))
          writeFileSync(join(driver, name), source, { mode: 0o444 });
        drivers.set(language.name, driver);
      }
      return driver;
    },
  };
}

function makeTemporary(): string {
  let failure: unknown;
  const mask = process.umask(0o022);
  try {
    for (const parent of parents()) {
      try {
        const path = mkdtempSync(join(parent, ownedFolderName(prefix)));
        rmSync(path, { recursive: true });
        mkdirSync(path, { mode: 0o755 });
        return path;
      } catch (error) {
        failure = error;
      }
    }
  } finally {
    process.umask(mask);
  }
  throw failure;
}

/** What programs look up in `/etc`: made up, but for the names behind `alternatives` and the linker's cache. */
export function fillEtc(etc: string): void {
  const { name, uid, gid, home } = insideUser;
  const files: Readonly<Record<string, string>> = {
    passwd: `root:x:0:0:root:/:/bin/false\n${name}:x:${uid}:${gid}:${name}:${home}:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
    group: `root:x:0:\n${name}:x:${gid}:\nnogroup:x:65534:\n`,
    hosts: "127.0.0.1 localhost sandbox\n::1 localhost\n",
    hostname: "sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
    shells: "/bin/sh\n/bin/bash\n",
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(etc, file), text, { mode: 0o444 });
  copyIfThere("/etc/ld.so.cache", join(etc, "ld.so.cache"));
  for (const folder of ["alternatives", "ssl", "ssl/certs"]) mkdirSync(join(etc, folder), { mode: 0o755 });
  copyIfThere("/etc/ssl/certs/ca-certificates.crt", join(etc, "ssl/certs/ca-certificates.crt"));
  copyIfThere("/etc/ssl/openssl.cnf", join(etc, "ssl/openssl.cnf"));
  copyLinks("/etc/alternatives", join(etc, "alternatives"));
}

function copyIfThere(source: string, target: string): void {
  try {
    copyFileSync(source, target);
  } catch {
    // Not every distribution has it, and none of what runs inside depends on it.
  }
}

/** Debian's libraries find one another through these: numpy's linear algebra among them. */
function copyLinks(source: string, target: string): void {
  try {
    for (const entry of readdirSync(source, { withFileTypes: true })) {
      if (!entry.isSymbolicLink()) continue; // There is a README among them.
      const link = readlinkSync(join(source, entry.name));
      if (/^\/usr\/(?:bin|lib)/.test(link)) symlinkSync(link, join(target, entry.name));
    }
  } catch {
    // Distributions without the alternatives system.
  }
}

/** Removes the folders of supervisors that are no more. Returns their paths. */
export function sweepSupervisorFolders(): string[] {
  return sweepOwnedFolders(parents(), prefix);
}
