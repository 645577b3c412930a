/** TLS hellos made by hand, for those that no client of good faith sends. */
export const uint = (value: number, width: number) => {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
};
export const block = (width: number, ...parts: Uint8Array[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([uint(body.length, width), body]);
};
export const extension = (type: number, body: Uint8Array) => Buffer.concat([uint(type, 2), block(2, body)]);
export const serverName = (name: string, type = 0) =>
  extension(0, block(2, uint(type, 1), block(2, Buffer.from(name, "latin1"))));
export const message = (...extensions: Uint8Array[]) => {
  const body = [uint(0x0303, 2), Buffer.alloc(32, 7), block(1), block(2, uint(0x1301, 2)), block(1, uint(0, 1))];
  return Buffer.concat([uint(1, 1), block(3, ...body, block(2, ...extensions))]);
};
export const record = (fragment: Uint8Array, type = 22) =>
  Buffer.concat([uint(type, 1), uint(0x0301, 2), block(2, fragment)]);
