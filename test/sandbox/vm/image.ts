/**
 * The image of the tests: built once, and kept between runs of the tests as long as the packages of this machine are what
 * they were. Several test files may ask for it at once; one builds, the others wait.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildVmImage, usualPackages } from "#src/sandbox/backend/vm/image/build-image.js";
import { findImage, imageFormat, vmFolder } from "#src/sandbox/backend/vm/image/image-store.js";
import { withFileLock } from "#src/sandbox/backend/vm/snapshot/file-lock.js";

/** QEMU's own user has to reach it, so it is no folder of somebody's home. */
process.env.ORCHESTRATOR_VM_FOLDER ??= "/var/tmp/orchestrator-vm-tests";
export const testImageName = "tests";

function installedNow(): string {
  const status = readFileSync("/var/lib/dpkg/status");
  const wanted = `${imageFormat} ${process.version} ${usualPackages.join(" ")}`;
  return createHash("sha256").update(wanted).update(status).digest("hex");
}

/** Builds the image where there is none of the packages that are installed now. */
export async function provideImage(): Promise<void> {
  const folder = vmFolder();
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const stamp = join(folder, "tests.stamp");
  const wanted = installedNow();
  const find = () => {
    try {
      return readFileSync(stamp, "utf8") === wanted && !("missing" in findImage(testImageName)) ? true : undefined;
    } catch {
      return undefined;
    }
  };
  await withFileLock(join(folder, "tests.lock"), find, async () => {
    await buildVmImage({ name: testImageName });
    writeFileSync(stamp, wanted);
    return true;
  });
}
