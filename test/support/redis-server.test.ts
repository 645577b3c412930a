import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { startRedis } from "./redis-server.js";
import { present } from "./require-component.js";

describe.runIf(present("redis"))("a Redis server of a test's own", () => {
  test("answers on its port, comes back after a crash on the same one, and is gone after stop", async () => {
    const first = await startRedis();
    await first.kill();
    expect(await reachable(first.port)).toBe(false);
    const second = await startRedis({ port: first.port });
    expect(await reachable(second.port)).toBe(true);
    await second.stop();
    await first.stop();
    expect(await reachable(first.port)).toBe(false);
  });
});

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("error", () => resolve(false)).once("connect", () => socket.destroy());
  });
}
