/** What a guest whose kernel is the enemy's may say of streams, each refused. The real agent is in `streams.test.ts`. */
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { GuestStreams } from "#src/sandbox/backend/vm/network/guest-streams.js";
import {
  encodeStreamMessage,
  mostStreams,
  readStreamMessage,
  type StreamMessage,
  windowBytes,
} from "#src/sandbox/backend/vm/network/stream-message.js";

/** Connections to nobody, who reads nothing. */
function makeStreams() {
  const said: StreamMessage[] = [];
  const streams = new GuestStreams({
    connect: () => new PassThrough({ highWaterMark: 1, readableHighWaterMark: 1 }).pause(),
    send: (payload) => said.push(readStreamMessage(payload)),
    mayRead: () => true,
  });
  const say = (message: StreamMessage) => streams.hear(encodeStreamMessage(message));
  return { streams, said, say };
}

const data = (bytes: number): StreamMessage => ({ operation: "data", stream: 1, data: Buffer.alloc(bytes) });

describe("a guest", () => {
  test.each([
    ["nothing", "", /too short/],
    ["half a header", "o\u0000\u0000", /too short/],
    ["an unknown operation", "?\u0000\u0000\u0000\u0001", /unknown kind \(63\)/],
    ["an opening with more behind it", "o\u0000\u0000\u0000\u0001x", /no right length/],
    ["data without data", "d\u0000\u0000\u0000\u0001", /no right length/],
    ["a count that is cut short", "a\u0000\u0000\u0000\u0001\u0000\u0000", /no right length/],
    ["an end with more behind it", "e\u0000\u0000\u0000\u0001x", /no right length/],
    ["data of a stream that is not open", "d\u0000\u0000\u0000\u0001x", /not open/],
    ["the end of a stream that is not open", "e\u0000\u0000\u0000\u0001", /not open/],
    ["a reset of a stream that never was", "x\u0000\u0000\u0000\u0001", /not open/],
    ["a stream numbered 0", "o\u0000\u0000\u0000\u0000", /earlier one/],
  ])("may not say %s", (_, text, words) => {
    expect(() => makeStreams().streams.hear(Buffer.from(text, "latin1"))).toThrow(words);
  });

  test("may have so many streams and no more", () => {
    const { streams, say } = makeStreams();
    for (let stream = 1; stream <= mostStreams; stream++) say({ operation: "open", stream });
    expect(streams.size).toBe(mostStreams);
    expect(() => say({ operation: "open", stream: mostStreams + 1 })).toThrow(/more than 96 streams/);
  });

  test("may not open a stream twice, nor give one the number of one that is over", () => {
    const { say } = makeStreams();
    say({ operation: "open", stream: 5 });
    expect(() => say({ operation: "open", stream: 5 })).toThrow(/twice/);
    say({ operation: "reset", stream: 5 });
    expect(() => say({ operation: "open", stream: 5 })).toThrow(/earlier one/);
    expect(() => say({ operation: "open", stream: 4 })).toThrow(/earlier one/);
  });

  test("may not send more than the window, in however small pieces", () => {
    const { say } = makeStreams();
    say({ operation: "open", stream: 1 });
    for (let bytes = 0; bytes < windowBytes; bytes += 64) say(data(64));
    expect(() => say(data(1))).toThrow(/more of a stream than its window/);
  });

  test("may not go on after its end", () => {
    const { say } = makeStreams();
    say({ operation: "open", stream: 1 });
    say({ operation: "end", stream: 1 });
    expect(() => say(data(1))).toThrow(/after the end/);
    expect(() => say({ operation: "end", stream: 1 })).toThrow(/ended a stream twice/);
  });

  test("may not have taken what it was not sent", () => {
    const { say } = makeStreams();
    say({ operation: "open", stream: 1 });
    expect(() => say({ operation: "taken", stream: 1, bytes: 1 })).toThrow(/more of a stream than it was sent/);
  });

  test("may say the last words of a stream that is over already", () => {
    const { streams, said, say } = makeStreams();
    say({ operation: "open", stream: 1 });
    say({ operation: "reset", stream: 1 });
    expect(said).toEqual([{ operation: "reset", stream: 1 }]);
    say({ operation: "taken", stream: 1, bytes: 7 });
    say({ operation: "reset", stream: 1 });
    expect(streams.size).toBe(0);
  });
});
