// Makes the pictures of the README from the main example: the live page in Chromium, and the terminal as tmux shows it,
// drawn by Chromium too. Usage: node scripts/pictures.mjs (after `npm run build`; needs Debian's chromium and tmux).
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const program = ["dist/cli/main.js", "run", "examples/sales/pipeline.yaml"];
const images = "docs/images";
const patienceMs = 240_000;
/** Of a terminal, by code. */
const colours = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 36: "#76e3ea" };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
try {
  await picturePage(`${images}/page.png`);
  await pictureTerminal(`${images}/terminal.png`);
} finally {
  await browser.close();
}

async function picturePage(file) {
  forgetFirstFailure();
  const child = spawn(process.execPath, [...program, "--ui-keep"], { stdio: ["ignore", "pipe", "pipe"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" });
  page.setDefaultTimeout(patienceMs);
  try {
    await page.goto(await addressIn(child));
    await page.getByText("Ended: succeeded").waitFor();
    await page.locator(".node").first().waitFor();
    // The movement of the bar has ended with its last frame.
    await page.waitForFunction("document.getAnimations().length === 0");
    await page.screenshot({ path: file });
  } finally {
    await page.close();
    child.kill("SIGINT");
  }
  tell(file);
}

/** The address of the page, which the program prints. */
function addressIn(child) {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        const [address] = /http:\S+#token=\S+/.exec(line) ?? [];
        if (address !== undefined) resolve(address);
      });
    once(child, "close").then(() => reject(new Error("the program ended without an address")));
  });
}

/** The example's price index fails once, and then remembers that it has. */
function forgetFirstFailure() {
  rmSync(".out/sales", { recursive: true, force: true });
}

async function pictureTerminal(file) {
  forgetFirstFailure();
  const folder = mkdtempSync(join(tmpdir(), "pictures-"));
  const tmux = (...args) =>
    execFileSync("tmux", ["-S", join(folder, "tmux"), "-f", "/dev/null", ...args], { encoding: "utf8" });
  const command = `unset CI NO_COLOR; '${process.execPath}' ${program.join(" ")} --view tree; echo finished; exec cat`;
  tmux("new-session", "-d", "-x", "92", "-y", "34", "-e", "TERM=screen-256color", "sh", "-c", command);
  let best = "";
  let most = -1;
  try {
    for (let screen = ""; !screen.includes("finished"); ) {
      screen = tmux("capture-pane", "-p");
      // Of all moments, the one in which most runs: while it goes on is when people look.
      const running = screen.match(/\u25b6/g)?.length ?? 0;
      const ended = screen.match(/\u2713/g)?.length ?? 0;
      if (screen.includes("finished") || ended < 6 || running < most) continue;
      most = running;
      best = tmux("capture-pane", "-p", "-e");
    }
  } finally {
    tmux("kill-server");
    rmSync(folder, { recursive: true });
  }
  const page = await browser.newPage({ viewport: { width: 1000, height: 400 }, deviceScaleFactor: 1.5 });
  page.setDefaultTimeout(patienceMs);
  await page.setContent(terminalHtml(best.trimEnd()));
  await page.locator("#window").screenshot({ path: file, omitBackground: true });
  await page.close();
  tell(file);
}

/** The text of a terminal with its colours. */
function terminalHtml(text) {
  const style = { bold: false, dim: false, colour: undefined };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of colours are what is looked for
  const pieces = text.split(/(\u001b\[[\d;]*m)/).map((piece) => {
    if (!piece.startsWith("\u001b")) return span(piece, style);
    for (const code of piece.slice(2, -1).split(";").map(Number)) apply(code, style);
    return "";
  });
  return `<style>
body { margin: 0; background: transparent; }
#window { display: inline-block; background: #0d1117; color: #e6edf3; border-radius: 10px; padding: 14px 20px 18px; font: 14px/1.35 "DejaVu Sans Mono", monospace; }
#bar { display: flex; gap: 7px; padding-bottom: 12px; } #bar i { width: 12px; height: 12px; border-radius: 50%; background: #30363d; }
pre { margin: 0; font: inherit; }
</style><div id="window"><div id="bar"><i></i><i></i><i></i></div><pre>${pieces.join("")}</pre></div>`;
}

function apply(code, style) {
  if (code === 0) Object.assign(style, { bold: false, dim: false, colour: undefined });
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 22) Object.assign(style, { bold: false, dim: false });
  else if (code === 39) style.colour = undefined;
  else if (code in colours) style.colour = colours[code];
}

function span(text, { bold, dim, colour }) {
  const safe = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const css = `${bold ? "font-weight:700;" : ""}${dim ? "opacity:.6;" : ""}${colour === undefined ? "" : `color:${colour}`}`;
  return css === "" ? safe : `<span style="${css}">${safe}</span>`;
}

function tell(file) {
  console.log(`${file} ${(statSync(file).size / 1000).toFixed(0)} kB`);
}
