/** What stands behind a public class is made once, when it is used, and closed where it was made. */
import { describe, expect, test } from "vitest";
import { FirstUse } from "#src/model/first-use.js";

function counted(fail = 0) {
  const told: string[] = [];
  let attempts = 0;
  const first = new FirstUse(async () => {
    told.push("make");
    await Promise.resolve();
    if (attempts++ < fail) throw new Error("no descriptors");
    return {
      use: async (name: string) => void told.push(name),
      close: async () => void told.push("close"),
    };
  });
  return { first, told };
}

describe("what is made when it is first used", () => {
  test("is made once, and serves in the order in which they came", async () => {
    const { first, told } = counted();
    expect(first.made).toBeUndefined();
    await Promise.all(["a", "b", "c"].map((name) => first.use((thing) => thing.use(name))));
    expect(first.made).toBeDefined();
    await first.use((thing) => thing.use("d"));
    expect(told).toEqual(["make", "a", "b", "c", "d"]);
  });

  test("is closed once, after those that came before", async () => {
    const { first, told } = counted();
    const used = first.use((thing) => thing.use("a"));
    await Promise.all([first.close(), first.close(), used]);
    expect(told).toEqual(["make", "a", "close"]);
  });

  test("is not made to be closed", async () => {
    const { first, told } = counted();
    await first.close();
    expect(told).toEqual([]);
  });

  test("is closed already for who comes after the end", async () => {
    const { first, told } = counted();
    await first.close();
    await first.use((thing) => thing.use("late"));
    expect(told).toEqual(["make", "close", "late"]);
  });

  test("is made anew where it could not be made", async () => {
    const { first, told } = counted(1);
    await expect(first.use((thing) => thing.use("a"))).rejects.toThrow("no descriptors");
    await first.use((thing) => thing.use("b"));
    expect(told).toEqual(["make", "make", "b"]);
  });
});
