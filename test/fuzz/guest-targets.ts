/** The line of a virtual machine, as the host reads it: frames, and the streams of the way out among them. */
import { PassThrough } from "node:stream";
import { expect } from "vitest";
import { GuestStreams } from "#src/sandbox/backend/vm/network/guest-streams.js";
import {
  encodeStreamMessage,
  mostStreams,
  type StreamMessage,
} from "#src/sandbox/backend/vm/network/stream-message.js";
import { encodeFrame, FrameDecoder, longestFrame } from "#src/sandbox/line/frames.js";
import { refusesWith } from "./each.js";
import type { FuzzTarget } from "./fuzzer.js";

/** Messages of streams as a guest's agent says them. */
function said(...messages: readonly StreamMessage[]): Buffer {
  return Buffer.concat(messages.map((message) => encodeFrame("W", encodeStreamMessage(message))));
}

export const guestTargets: readonly FuzzTarget[] = [
  {
    name: "frames of a guest",
    seeds: [
      Buffer.concat([encodeFrame("H"), encodeFrame("1", "text"), encodeFrame("E", '{"code":0,"signal":null}')]),
      encodeFrame("T", Buffer.alloc(3000)),
    ],
    dictionary: ["\0\0\0\0", "\0\u0001\0\0C", "\0\u0001\0\u0001C"],
    share: 0.2,
    covers: "/dist/sandbox/line/frames",
    check: (input) => {
      const decode = (pieces: readonly Buffer[]) => {
        const decoder = new FrameDecoder();
        const frames: { kind: string; payload: Buffer }[] = [];
        const refused = refusesWith([RangeError], () => {
          for (const piece of pieces) frames.push(...decoder.push(piece));
        });
        return { frames, refused: refused?.message };
      };
      const whole = decode([input]);
      const third = Math.ceil(input.length / 3);
      const cut = decode([input.subarray(0, third), input.subarray(third, 2 * third), input.subarray(2 * third)]);
      expect(cut.refused).toBe(whole.refused);
      // What comes in one piece with what is refused is not heard.
      if (whole.refused === undefined) expect(cut.frames).toEqual(whole.frames);
      for (const { payload } of cut.frames) expect(payload.length).toBeLessThanOrEqual(longestFrame);
    },
  },
  {
    name: "streams of a guest",
    seeds: [
      said(
        { operation: "open", stream: 1 },
        { operation: "data", stream: 1, data: Buffer.from("CONNECT a.test:443 HTTP/1.1\r\n\r\n") },
        { operation: "open", stream: 2 },
        { operation: "reset", stream: 1 },
        { operation: "end", stream: 2 },
      ),
      said(
        { operation: "open", stream: 7 },
        { operation: "taken", stream: 7, bytes: 0 },
        { operation: "end", stream: 7 },
      ),
    ],
    dictionary: ["o\0\0\0", "d\0\0\0", "a\0\0\0", "e\0\0\0", "x\0\0\0"],
    share: 0.5,
    covers: "/dist/sandbox/backend/vm/network/",
    check: (input) => {
      const connections: PassThrough[] = [];
      const streams = new GuestStreams({
        connect: () => {
          connections.push(new PassThrough({ readableHighWaterMark: 64 }));
          return connections.at(-1)!;
        },
        send: () => {},
        mayRead: () => true,
      });
      refusesWith([RangeError], () => {
        for (const { payload } of new FrameDecoder().push(input)) streams.hear(payload);
      });
      expect(streams.size).toBeLessThanOrEqual(mostStreams);
      streams.close();
      expect(streams.size).toBe(0);
      for (const connection of connections) expect(connection.destroyed || connection.writableEnded).toBe(true);
    },
  },
];
