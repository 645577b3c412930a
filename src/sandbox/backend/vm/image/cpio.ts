/** An archive of the `newc` kind, which the kernel unpacks into its first root. */

export interface CpioEntry {
  /** Relative, without a leading `/`; its folders come before it. */
  readonly name: string;
  readonly mode: number;
  readonly content?: Uint8Array;
}

export const cpioFolder = 0o040755;
export const cpioProgram = 0o100755;
export const cpioFile = 0o100644;

export function makeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const all = [...entries, { name: "TRAILER!!!", mode: 0 }];
  for (const [index, { name, mode, content = new Uint8Array() }] of all.entries()) {
    const path = Buffer.from(`${name}\0`);
    // inode, mode, uid, gid, links, time, size, device (major, minor), of a device (major, minor), length of name, sum
    const fields = [index + 1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), path])), padded(Buffer.from(content)));
  }
  return Buffer.concat(parts);
}

function padded(bytes: Buffer): Buffer {
  const missing = (4 - (bytes.length % 4)) % 4;
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
