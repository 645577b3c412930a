import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { present } from "../support/require-component.js";
import { bin, withFolder } from "./cli.js";

const cwd = fileURLToPath(new URL("pipelines/", import.meta.url));

/** A terminal of 80 by 24 that runs one command line. */
class Terminal {
  readonly #socket: string;

  constructor(folder: string, commandLine: string, env: Readonly<Record<string, string>> = {}) {
    this.#socket = join(folder, "tmux");
    const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const script = `trap : INT; unset CI NO_COLOR FORCE_COLOR; ${Object.keys(env)
      .map((name) => `export ${name}='${env[name]}';`)
      .join(" ")} ${commandLine}; echo "exit code $?"; exec cat`;
    this.#tmux("new-session", "-d", "-x", "80", "-y", "24", "-c", cwd, ...variables, "sh", "-c", script);
  }

  screen(...options: string[]): string {
    return this.#tmux("capture-pane", "-p", ...options);
  }

  press(key: string): void {
    this.#tmux("send-keys", key);
  }

  /** The screen as soon as it is as wanted, in every point at once. */
  async shows(...wanted: RegExp[]): Promise<string> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const screen = this.screen();
      if (wanted.every((pattern) => pattern.test(screen))) return screen;
      if (Date.now() > deadline) throw new Error(`the terminal never showed ${wanted.join(" and ")}:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    this.#tmux("kill-server");
  }

  #tmux(...args: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, "-f", "/dev/null", ...args], { encoding: "utf8" });
  }
}

async function inTerminal(
  run: (terminal: Terminal, release: () => void) => Promise<void>,
  env: Record<string, string> = {},
  flags = "",
): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, "go");
    const terminal = new Terminal(
      folder,
      `'${process.execPath}' '${bin}' run held.yaml -i until='${file}' ${flags}`,
      env,
    );
    try {
      await run(terminal, () => writeFileSync(file, ""));
    } finally {
      terminal.close();
    }
  });
}

describe.runIf(present("tmux"))("on a terminal", () => {
  test("what runs is drawn below what has ended, and Ctrl-C leaves the summary", () =>
    inTerminal(async (terminal) => {
      await terminal.shows(
        /^✓ quick \d+ms$/m,
        /^↻ shaky attempt 1: not yet \(again in 60.0s\)$/m,
        /^━{8}─{16} {2}1 of 3 {3}1 retried {3}[\d.]+m?s/m,
        /^ {2}\S slow +[\d.]+m?s {2}inline {2}25 %$/m,
        /^ {2}↻ shaky +[\d.]+s {2}until attempt 2: not yet$/m,
      );

      terminal.press("C-c");
      const ended = await terminal.shows(/exit code 130/);
      expect(ended).toMatch(/held: interrupted: 2 cancelled, 1 succeeded/);
      expect(ended).not.toContain("━");
    }));

  test("with CI set, plain lines and no cursor movement", () =>
    inTerminal(
      async (terminal, release) => {
        await terminal.shows(/↻ shaky/);
        release();
        const screen = await terminal.shows(/✓ slow/);
        expect(screen).toContain("▸ slow on inline");
        expect(screen).not.toContain("━");
      },
      { CI: "true" },
    ));

  test("colour is left out with NO_COLOR, and progress is drawn all the same", () =>
    inTerminal(
      async (terminal) => {
        await terminal.shows(/slow +\d/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of colours are what is looked for
        expect(terminal.screen("-e")).not.toMatch(/\u001b\[3\d/);
      },
      { NO_COLOR: "1" },
    ));

  test("--view tree draws the graph, and leaves it on the screen in place of a table", () =>
    inTerminal(
      async (terminal, release) => {
        await terminal.shows(
          /^held {2}running {2}━+╍+ 1 of 3 {2}[\d.]+m?s/m,
          /^↻ 1 retrying {2}▶ 1 running {2}✓ 1 succeeded$/m,
          /^✓ +quick +[\d.]+m?s$/m,
          /^▶ +slow +[\d.]+m?s {2}25 %$/m,
          /^↻ +shaky +[\d.]+m?s {2}not yet$/m,
        );
        release();
        await terminal.shows(/^✓ +slow +[\d.]+m?s$/m);
        terminal.press("C-c");
        const ended = await terminal.shows(/exit code 130/);
        expect(ended).toMatch(/^■ +shaky/m);
        expect(ended).not.toMatch(/^ +task +status/m);
        expect(ended.match(/^✓ +slow/gm)).toHaveLength(1);
      },
      {},
      "--view tree",
    ));

  test("--view table draws every task, trouble first", () =>
    inTerminal(
      async (terminal) => {
        await terminal.shows(
          /^ {2}state +task +waited +ran +worker +why\n↻ retrying +shaky .*not yet\n▶ running +slow .*25 %\n✓ succeeded +quick/m,
        );
      },
      {},
      "--view table",
    ));

  test("--view quiet draws nothing, and tells how it ended", () =>
    withFolder(async (folder) => {
      const terminal = new Terminal(folder, `'${process.execPath}' '${bin}' run good.yaml --view quiet`);
      try {
        const ended = await terminal.shows(/exit code 0/);
        expect(ended).toMatch(/^good: 1 skipped, \d succeeded in/m);
        expect(ended).not.toMatch(/━|^✓/m);
      } finally {
        terminal.close();
      }
    }));
});
