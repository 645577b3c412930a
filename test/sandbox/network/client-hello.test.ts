import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { longestHelloBytes, readClientHello } from "#src/sandbox/network/client-hello.js";
import { block, extension, message, record, serverName, uint } from "./hello.js";

/** What Node's own TLS client sends first. */
async function realHello(options: { servername?: string; maxVersion?: "TLSv1.2" | "TLSv1.3" }): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, ...options });
  client.on("error", () => undefined);
  const [socket] = await once(server, "connection");
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

let hello: Buffer;
beforeAll(async () => {
  hello = await realHello({ servername: "api.example.test" });
});

describe("a ClientHello", () => {
  test("of a real client is read, and of one that names no server", async () => {
    expect(readClientHello(hello)).toEqual({ state: "complete", serverName: "api.example.test", encrypted: false });
    const old = await realHello({ servername: "a.test", maxVersion: "TLSv1.2" });
    expect(readClientHello(old)).toMatchObject({ serverName: "a.test" });
    expect(readClientHello(await realHello({}))).toEqual({ state: "complete", encrypted: false });
  });

  test("is read however it is cut into records, and with bytes after it", () => {
    const whole = hello.subarray(5);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 30 }), fc.uint8Array(), (sizes, after) => {
        const records: Buffer[] = [];
        let rest = whole;
        for (const size of sizes) {
          if (rest.length === 0) break;
          records.push(record(rest.subarray(0, size)));
          rest = rest.subarray(size);
        }
        if (rest.length > 0) records.push(record(rest));
        const bytes = Buffer.concat([...records, after]);
        expect(readClientHello(bytes)).toMatchObject({ state: "complete", serverName: "api.example.test" });
      }),
    );
  });

  test("is incomplete at every cut before its end", () => {
    for (let length = 0; length < hello.length; length++)
      expect(readClientHello(hello.subarray(0, length)), `${length}`).toEqual({ state: "incomplete" });
  });

  test("with an encrypted name says so", () => {
    const bytes = record(message(serverName("public.test"), extension(0xfe0d, Buffer.alloc(20))));
    expect(readClientHello(bytes)).toEqual({ state: "complete", serverName: "public.test", encrypted: true });
    expect(readClientHello(record(message(extension(0xffce, Buffer.alloc(1)))))).toMatchObject({ encrypted: true });
  });

  test.each<[string, () => Buffer]>([
    ["another record", () => record(message(), 23)],
    ["another message", () => record(Buffer.concat([uint(2, 1), block(3, Buffer.alloc(40))]))],
    ["plain text", () => Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["SSH", () => Buffer.from("SSH-2.0-OpenSSH_9\r\n")],
    ["an SSL 2 hello", () => Buffer.from([0x80, 0x2e, 1, 3, 1, 0])],
    [
      "two server names",
      () =>
        record(
          message(
            extension(
              0,
              block(2, uint(0, 1), block(2, Buffer.from("a.test")), uint(0, 1), block(2, Buffer.from("b.test"))),
            ),
          ),
        ),
    ],
    ["a server name extension twice", () => record(message(serverName("a.test"), serverName("b.test")))],
    ["a name of another type", () => record(message(serverName("a.test", 1)))],
    [
      "bytes after the list of names",
      () =>
        record(
          message(extension(0, Buffer.concat([block(2, uint(0, 1), block(2, Buffer.from("a.test"))), uint(0, 1)]))),
        ),
    ],
    ["an empty record", () => record(Buffer.alloc(0))],
    ["a record of 64 KiB", () => Buffer.concat([uint(22, 1), uint(0x0301, 2), uint(0xffff, 2)])],
    ["a message of 16 MiB", () => record(Buffer.from([1, 0xff, 0xff, 0xff]))],
    [
      "bytes after the extensions",
      () => record(Buffer.concat([uint(1, 1), block(3, message().subarray(4), Buffer.from("x"))])),
    ],
  ])("%s is malformed", (_name, make) => {
    expect(readClientHello(make())).toMatchObject({ state: "malformed" });
  });

  test("reading never throws, never reads beyond, and never calls a damaged one by another name that was not in it", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 5 }), (changes) => {
        const damaged = Buffer.from(hello);
        for (const [position, byte] of changes) damaged[position % damaged.length] = byte;
        const read = readClientHello(damaged);
        if (read.state === "complete" && read.serverName !== undefined)
          expect(damaged.toString("latin1")).toContain(read.serverName);
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (noise, framed) => {
        const { state } = readClientHello(framed ? record(Buffer.concat([uint(1, 1), block(3, noise)])) : noise);
        expect(["incomplete", "malformed", "complete"]).toContain(state);
      }),
      { numRuns: 5000 },
    );
  });

  test("in records of one byte is given up at the limit", () => {
    const tiny = Buffer.concat(Array.from({ length: 4000 }, (_, index) => record(uint(index === 0 ? 1 : 0, 1))));
    expect(tiny.length).toBeGreaterThan(longestHelloBytes);
    expect(readClientHello(tiny).state).not.toBe("incomplete");
  });
});
