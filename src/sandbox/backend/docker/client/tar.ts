/** A tar archive (POSIX ustar) of a few small files and folders: what the daemon builds an image from. */

export interface TarEntry {
  /** Relative; at most 100 bytes. */
  readonly name: string;
  readonly content: Uint8Array | string;
  /** Default 0o644. */
  readonly mode?: number;
}

const block = 512;

export function makeTar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ name, content, mode = 0o644 }) => {
    const bytes = Buffer.from(content);
    return [header(name, bytes.length, mode), bytes, Buffer.alloc((block - (bytes.length % block)) % block)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function header(name: string, size: number, mode: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`the name ${name} is too long for an archive`);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, length, "latin1");
  bytes.write(name, 0, "utf8");
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  // One time for all, so that equal contents are equal archives.
  octal(0, 136, 12);
  bytes.write("        ", 148, 8, "latin1");
  bytes.write("0", 156, 1, "latin1");
  bytes.write("ustar\x0000", 257, 8, "latin1");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return bytes;
}
