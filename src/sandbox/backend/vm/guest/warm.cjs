// Loaded before the driver of JavaScript, which goes on until it asks for its job: there it waits at the gate of the
// snapshot. Behind the gate it makes sure that no two copies draw alike.
"use strict";
const fs = require("node:fs");
const { runInThisContext } = require("node:vm");
const { inspect } = require("node:util");
for (const name of ["module", "path", "url", "crypto", "events", "stream", "buffer", "os", "child_process"])
  require(`node:${name}`);

const gate = 7;
const { closeSync, readSync, writeSync } = fs;
// What is slow the first time.
inspect({ a: [1, "b"], c: new Map([[1, 2]]) });
runInThisContext("(() => [1, 2].map((x) => x * 2))()", { filename: "rehearsal" });

let waited = false;
// The driver has taken hold of this function by then, and the code finds the original.
fs.readSync = (...given) => {
  if (!waited) wait();
  return readSync(...given);
};

function wait() {
  waited = true;
  fs.readSync = readSync;
  writeSync(gate, "w");
  if (readSync(gate, Buffer.alloc(1)) === 0) process.reallyExit(1);
  closeSync(gate);
  seed();
}

// Math.random draws its state at its first use, from a source that all copies share.
function seed() {
  const flags = require("node:v8");
  flags.setFlagsFromString(`--random-seed=${1 + require("node:crypto").randomInt(2 ** 31 - 2)}`);
  Math.random();
  flags.setFlagsFromString("--random-seed=0");
}
