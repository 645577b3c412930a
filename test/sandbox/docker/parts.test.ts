/** Parts of the docker backend that need no daemon: the profile of system calls, the streams, the endpoint. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Demultiplexer } from "#src/sandbox/backend/docker/client/demultiplex.js";
import { findEndpoint } from "#src/sandbox/backend/docker/client/endpoint.js";
import { rangesBeside, seccompProfile } from "#src/sandbox/backend/docker/seccomp-profile.js";

describe("the profile of system calls", () => {
  test("ranges are all numbers but those that are left out", () => {
    const number = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.array(number, { maxLength: 5 }), fc.array(number), (left, others) => {
        const ranges = rangesBeside(left);
        const isIn = (value: number) => ranges.filter(([bits, prefix]) => (value & bits) >>> 0 === prefix).length;
        for (const value of left) expect(isIn(value)).toBe(0);
        for (const value of others) expect(isIn(value)).toBe(left.includes(value) ? 0 : 1);
      }),
    );
  });

  test("knows one architecture, and refuses what it does not name", () => {
    const profile = JSON.parse(seccompProfile("aarch64")) as { architectures: string[]; defaultAction: string };
    expect(profile).toMatchObject({ architectures: ["SCMP_ARCH_AARCH64"], defaultAction: "SCMP_ACT_ERRNO" });
  });
});

describe("streams of an attached container", () => {
  test("come out as they went in, wherever the connection cuts them", () => {
    const part = fc.record({ stream: fc.constantFrom(1, 2), bytes: fc.uint8Array({ maxLength: 100 }) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.integer({ min: 1, max: 40 }), (parts, size) => {
        const whole = Buffer.concat(
          parts.map(({ stream, bytes }) => {
            const header = Buffer.alloc(8);
            header[0] = stream;
            header.writeUInt32BE(bytes.length, 4);
            return Buffer.concat([header, bytes]);
          }),
        );
        const got: Record<number, number[]> = { 1: [], 2: [] };
        const demultiplexer = new Demultiplexer((stream, chunk) => got[stream]!.push(...chunk));
        for (let at = 0; at < whole.length; at += size) demultiplexer.push(whole.subarray(at, at + size));
        for (const stream of [1, 2])
          expect(got[stream]).toEqual(parts.filter((one) => one.stream === stream).flatMap(({ bytes }) => [...bytes]));
      }),
    );
  });

  test("of a number that there is not are refused", () => {
    expect(() => new Demultiplexer(() => {}).push(Buffer.from([9, 0, 0, 0, 0, 0, 0, 1]))).toThrow(RangeError);
  });
});

describe("the daemon's place", () => {
  test("is what was configured, then what DOCKER_HOST says", () => {
    expect(findEndpoint("unix:///x.sock", { DOCKER_HOST: "tcp://y:1" }).options).toEqual({
      host: "",
      socketPath: "/x.sock",
    });
    expect(findEndpoint(undefined, { DOCKER_HOST: "tcp://y:1" })).toMatchObject({
      isLocal: false,
      options: { host: "y", port: "1", protocol: "http" },
    });
  });

  test("that cannot be spoken to is an error that says how to name one", () => {
    expect(() => findEndpoint("ssh://host", {})).toThrow(/unix:\/\/\/path or tcp:\/\/host:port/);
  });
});
