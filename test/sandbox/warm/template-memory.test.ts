/** What the template does to its own memory before it forks: huge pages, what forks write to in small ones, seeds. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isPresent, present } from "../../support/require-component.js";

const folder = join(import.meta.dirname, "../../../src/sandbox/backend/process/warm/server");

function play(script: string): unknown {
  const preamble = "import json, os, sys\nsys.path.insert(0, sys.argv[1])\n";
  const words = execFileSync("/usr/bin/python3", ["-I", "-B", "-c", preamble + script, folder], { encoding: "utf8" });
  return JSON.parse(words);
}

/** Linux 6.1 and later, where huge pages are not turned off. */
function collapses(): boolean {
  try {
    const enabled = readFileSync("/sys/kernel/mm/transparent_hugepage/enabled", "latin1");
    const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "latin1").split(".").map(Number);
    return !enabled.includes("[never]") && (major > 6 || (major === 6 && minor >= 1));
  } catch {
    return false;
  }
}

const hugePages = { check: collapses, remedy: "Linux 6.1, with transparent huge pages", optional: true };

describe.runIf(present("linux", "python"))("the memory of a template", () => {
  test.runIf(isPresent("huge pages", hugePages))(
    "lies in huge pages once it is gathered, and what forks write to in small ones, with all that it holds",
    () => {
      const script = `
import ctypes, gc, huge, pages, struct

def huge_kib():
    with open("/proc/self/smaps") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("AnonHugePages:"))

reserved = huge.reserve()
kept = [bytes([number % 251]) * 400 for number in range(40000)]
changing = [[number] for number in range(1000)]
del reserved
before = huge_kib()
huge.collapse()
gathered = huge_kib()
learned = pages.learn(lambda: [item.append(1) for item in changing])
written = {page for start, size in struct.iter_unpack("QQ", learned.written) for page in range(start, start + size, 4096)}
left = huge_kib()
sound = all(block == bytes([number % 251]) * 400 for number, block in enumerate(kept))
found = sum(id(item) & ~4095 in written for item in changing)
print(json.dumps([before, gathered, left, sound, found, [len(item) for item in changing] == [1] * 1000]))`;
      const [before, gathered, left, sound, learned, untouched] = play(script) as [
        number,
        number,
        number,
        ...unknown[],
      ];
      expect(before).toBeLessThan(2048);
      expect(gathered, "of some 17 MiB of small objects").toBeGreaterThan(8192);
      expect(left, "a huge page of which a part is taken out is mapped in small ones").toBeLessThan(gathered);
      expect(sound).toBe(true);
      expect(learned).toBe(1000);
      expect(untouched, "what the fork did stays the fork's").toBe(true);
    },
  );

  test("is after learning as it was, so that the next fork writes to the pages that were learned", () => {
    const script = `
import ast, gc, json, mmap, pages, struct

def rehearse():
    kept = [ast.parse("result = [%d, 'text', {'a': 1.5}]" % number) for number in range(100)]
    json.loads(json.dumps({str(number): [number] * 50 for number in range(100)}))
    bytearray(100000)

rehearse()
gc.collect()
gc.freeze()
learned = pages.learn(rehearse)
known = {page for start, size in struct.iter_unpack("QQ", learned.written) for page in range(start // 4096, (start + size) // 4096)}
table, moment, told = (mmap.mmap(-1, size) for size in (1 << 20, 64 << 20, 4096))

def look():
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    rehearse()
    pages._take(table, pagemap, moment)
    written = {page for advice, numbers in pages._used(table, moment) if advice == pages.POPULATE_WRITE for page in numbers}
    struct.pack_into("QQ", told, 0, len(written & known), len(written - known))

pages._apart(lambda: pages._write_mappings(table))
pages._apart(look)
print(json.dumps(struct.unpack_from("QQ", told)))`;
    const [foreseen, unforeseen] = play(script) as [number, number];
    expect(foreseen).toBeGreaterThan(100);
    expect(unforeseen).toBeLessThan(foreseen / 10);
  });

  test("what is reserved and not needed goes back to the kernel", () => {
    const script = `
import huge

def anonymous_kib():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))

before = anonymous_kib()
reserved = huge.reserve()
during = anonymous_kib()
del reserved
print(json.dumps([during - before, anonymous_kib() - before]))`;
    const [during, after] = play(script) as [number, number];
    expect(during).toBeGreaterThan(30 * 1024);
    expect(after).toBeLessThan(4 * 1024);
  });

  test("what libraries ask for at each fork is done where there is need for it, and all of it in forks of the code's own", () => {
    const script = `
import at_fork

with at_fork.Requests() as requests:
    import logging, random, threading
    done = []
    os.register_at_fork(after_in_child=lambda: done.append("asked"))
before = random.getstate()

def fork(then):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(then()).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(reader, 65536))

def look():
    return [random.getstate() == before, done]

def be_a_run():
    requests.pass_on()
    return [look(), fork(look)]

print(json.dumps([requests.seeds_random, os.register_at_fork is at_fork._register, fork(be_a_run)]))`;
    const asked = ["asked"];
    expect(play(script)).toEqual([
      true,
      true,
      [
        [true, asked],
        [false, [...asked, ...asked]],
      ],
    ]);
  });

  test.runIf(present("numpy"))("each fork has seeds of its own, whether or not the state is where it should be", () => {
    const script = `
import at_fork

with at_fork.Requests() as requests:
    import random
import numpy.random, seeds

def drawn():
    numbers = []
    for _ in range(3):
        for draw in seeds.make_drawers(requests.seeds_random):
            draw()
        reader, writer = os.pipe()
        if os.fork() == 0:
            numbers = [random.random(), numpy.random.random(), numpy.random.standard_normal()]
            os.write(writer, json.dumps(numbers).encode())
            os._exit(0)
        numbers += json.loads(os.read(reader, 4096))
        os.wait()
    return numbers

find = seeds._find_state
straight = drawn()
seeds._find_state = lambda module: None
callers_way = drawn()
print(json.dumps([len(set(straight)), len(set(callers_way)), find(numpy.random) is not None]))`;
    expect(play(script)).toEqual([9, 9, true]);
  });
});
