/**
 * The driver of JavaScript, as source: `node driver.cjs CHANNEL`.
 *
 * Code runs as a script in the main context, whose completion value is the last expression's, as in Node's own REPL;
 * code with `import`, `export` or a top-level `await` runs as a module. Everything that the driver needs after the
 * code has run is taken hold of before, because the code may replace anything that has a name.
 */
export const javascriptDriver = String.raw`"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const { inspect, types } = require("node:util");
const vm = require("node:vm");

const workFolder = "/work";
const textLimit = 262144;
const channel = Number(process.argv[2]);
const { stringify, parse } = JSON;
const { writeSync, readSync } = fs;
const { from: bufferFrom, concat, alloc } = Buffer;
const isView = ArrayBuffer.isView;



// --- the channel: see channel/job.ts and channel/frame-reader.ts ---

let buffered = Buffer.alloc(0);

function fill() {
  const chunk = alloc(1 << 16);
  const size = readSync(channel, chunk);
  if (size === 0) process.reallyExit(0);
  buffered = concat([buffered, chunk.subarray(0, size)]);
}

function line() {
  for (;;) {
    const end = buffered.indexOf(10);
    if (end >= 0) {
      const text = buffered.toString("latin1", 0, end);
      buffered = buffered.subarray(end + 1);
      return text;
    }
    fill();
  }
}

function take(size) {
  if (buffered.length < size) {
    const payload = alloc(size);
    let filled = buffered.copy(payload);
    while (filled < size) {
      const read = readSync(channel, payload, filled, size - filled);
      if (read === 0) process.reallyExit(0);
      filled += read;
    }
    buffered = alloc(0);
    return payload;
  }
  const payload = buffered.subarray(0, size);
  buffered = buffered.subarray(size);
  return payload;
}

function readJob() {
  const job = { token: "", mode: "once", limit: 0, args: [], inputs: undefined, name: "main.js", code: "" };
  for (;;) {
    const [kind, size, name] = line().split(" ");
    const payload = take(Number(size));
    switch (kind) {
      case "go":
        return job;
      case "token":
      case "mode":
        job[kind] = payload.toString("latin1");
        break;
      case "limit":
        job.limit = Number(payload.toString("latin1"));
        break;
      case "env":
        process.env[name] = payload.toString();
        break;
      case "file": {
        const path = workFolder + "/" + decodeURIComponent(name);
        fs.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
        fs.writeFileSync(path, payload);
        break;
      }
      case "arg":
        job.args.push(payload.toString());
        break;
      case "inputs":
        job.inputs = payload.toString();
        break;
      case "code":
        job.name = name;
        job.code = payload.toString();
        break;
    }
  }
}

function writeAll(bytes) {
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(channel, bytes, written);
  } catch {
    // The code closed the channel: it has no value, and that is all.
  }
}

function makeSender(token) {
  return (kind, text) => {
    const payload = bufferFrom(text);
    writeAll(concat([bufferFrom(token + " " + kind + " " + payload.length + "\n"), payload]));
  };
}

// --- values ---

function asData(value) {
  return stringify(value, function (key, member) {
    const original = this[key];
    if (typeof member === "bigint") return String(member);
    if (typeof member === "function" || typeof member === "symbol") return undefined;
    if (typeof member !== "object" || member === null) return member;
    if (Buffer.isBuffer(original)) return { base64: original.toString("base64") };
    if (types.isMap(member)) {
      const pairs = [...member];
      return pairs.every(([name]) => typeof name === "string") ? Object.fromEntries(pairs) : pairs;
    }
    if (types.isSet(member)) return [...member];
    if (isView(member)) return types.isDataView(member) ? undefined : [...member];
    if (types.isNativeError(member)) return { name: member.name, message: member.message };
    return member;
  });
}

function report(send, value, limit) {
  if (value === undefined) return;
  try {
    const text = inspect(value, { maxArrayLength: 1000, maxStringLength: textLimit });
    send("text", text.length > textLimit ? text.slice(0, textLimit) + "..." : text);
  } catch {
    // A value that cannot be shown is not shown.
  }
  try {
    const json = asData(value);
    if (json === undefined) send("omitted", "it is no data but of type " + typeof value);
    else if (json.length > limit || bufferFrom(json).length > limit) send("omitted", "it is larger than the limit of " + limit + " bytes");
    else send("value", json);
  } catch (error) {
    send("omitted", "it could not be turned into data: " + (error instanceof RangeError ? "it is nested too deep" : String(error && error.message)));
  }
}

function reportError(send, error, path) {
  const isError = types.isNativeError(error) || error instanceof Error;
  const stack = isError && typeof error.stack === "string" ? error.stack : inspect(error);
  const where = new RegExp(path.replace(/\.js$/, "(?:-\\d+)?\\.m?js") + ":(\\d+)").exec(stack);
  const fields = {
    type: isError ? String(error.name) : "Error",
    message: (isError ? String(error.message) : "a value that is no Error was thrown: " + inspect(error)).slice(0, 65536),
    traceback: stack.slice(0, 65536),
    line: where === null ? undefined : Number(where[1]),
  };
  send("error", stringify(fields));
}

// The driver's own frames say nothing to the caller.
function cleanStack(error) {
  try {
    if (typeof error.stack !== "string") return;
    const lines = error.stack.split("\n");
    error.stack = lines.filter((text) => !/\/run\/driver\/|\(node:vm:|node:internal\//.test(text)).join("\n");
  } catch {
    // A frozen error keeps them.
  }
}

// --- running ---

const moduleSyntax = /Cannot use import statement|Unexpected token 'export'|Cannot use 'import\.meta'|await is only valid|Unexpected reserved word/;

// The value of the last expression, or a promise of it.
function evaluate(job, path) {
  let script;
  try {
    script = new vm.Script(job.code, {
      filename: path,
      importModuleDynamically: vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
  } catch (error) {
    if (error instanceof SyntaxError && moduleSyntax.test(error.message)) return evaluateModule(job, path);
    throw error;
  }
  return script.runInThisContext();
}

let captured;
let moduleCount = 0;

async function evaluateModule(job, path) {
  const modulePath = path.replace(/\.js$/, moduleCount++ === 0 ? ".mjs" : "-" + moduleCount + ".mjs");
  Object.defineProperty(globalThis, "__orchestrator_capture__", { value: (get) => (captured = get), configurable: true });
  let last;
  Object.defineProperty(globalThis, "__orchestrator_last__", { value: (value) => (last = value), configurable: true });
  fs.writeFileSync(modulePath, withCapture(job.code));
  try {
    await import(modulePath);
  } finally {
    fs.rmSync(modulePath, { force: true });
  }
  return last;
}

// Line numbers stay: what is added stands at the end, or on a line that is there.
function withCapture(code) {
  const suffix = "\n;globalThis.__orchestrator_capture__?.(() => (typeof result === 'undefined' ? undefined : result));\n";
  const lines = code.trimEnd().split("\n");
  for (let count = 1; count <= Math.min(lines.length, 100); count++) {
    const head = lines.slice(0, -count).join("\n");
    const tail = lines.slice(-count).join("\n").replace(/;\s*$/, "");
    if (/^\s*(?:[([+*\/.,?:<>=&|^%-]|\x60|$)/.test(tail)) continue;
    if (parses("async () => (" + tail + "\n)") && parsesAsModule(head)) {
      return head + (head === "" ? "" : "\n") + "globalThis.__orchestrator_last__?.(" + tail + "\n);" + suffix;
    }
  }
  return code + suffix;
}

function parses(code) {
  try {
    return Boolean(new vm.Script(code));
  } catch {
    return false;
  }
}

function parsesAsModule(code) {
  try {
    return Boolean(new vm.SourceTextModule(code));
  } catch {
    return false;
  }
}

const readResult = new vm.Script("typeof result === 'undefined' ? undefined : result", { filename: "driver" });

function resultOr(last) {
  let result;
  try {
    result = captured === undefined ? readResult.runInThisContext() : captured();
  } catch {
    // Declared and never initialised.
  }
  return result === undefined || typeof result === "function" ? last : result;
}

function prepare(job) {
  const path = workFolder + "/" + job.name;
  fs.writeFileSync(path, job.code);
  process.chdir(workFolder);
  process.argv.splice(1, process.argv.length, path, ...job.args);
  const require = createRequire(path);
  const module = { exports: {}, id: ".", filename: path, loaded: false, children: [], paths: require.resolve.paths("x") };
  require.main = module;
  const globals = { require, module, exports: module.exports, __filename: path, __dirname: workFolder };
  globals.inputs = job.inputs === undefined ? {} : parse(job.inputs);
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  return path;
}

function runOnce(job) {
  const path = prepare(job);
  const send = makeSender(job.token);
  let last;
  process.on("uncaughtExceptionMonitor", (error) => {
    cleanStack(error);
    reportError(send, error, path);
  });
  process.on("exit", (code) => {
    if (code === 0 && !process.exitCode) report(send, resultOr(last), job.limit);
  });
  let value;
  try {
    value = evaluate(job, path);
  } catch (error) {
    cleanStack(error);
    throw error;
  }
  if (types.isPromise(value)) value.then((settled) => (last = settled));
  else last = value;
}

async function runSession(first) {
  const streams = [process.stdout, process.stderr].map((stream) => stream.write.bind(stream));
  let send;
  let path;
  process.on("uncaughtExceptionMonitor", (error) => {
    cleanStack(error);
    reportError(send, error, path);
  });
  for (let job = first; ; job = readJob()) {
    path = prepare(job);
    send = makeSender(job.token);
    captured = undefined;
    let code = 0;
    try {
      delete globalThis.result;
      const last = await evaluate(job, path);
      report(send, resultOr(last), job.limit);
    } catch (error) {
      code = 1;
      cleanStack(error);
      process.stderr.write((types.isNativeError(error) ? error.stack : inspect(error)) + "\n");
      reportError(send, error, path);
    }
    // What was printed is told from what the next piece prints; see channel/job.ts.
    for (const write of streams) await new Promise((resolve) => write(job.token + " end\n", resolve));
    send("done", String(code));
  }
}

writeAll(bufferFrom("ready\n"));
const job = readJob();
if (job.mode === "session") runSession(job);
else runOnce(job);
`;
