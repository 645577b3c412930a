/** Colour where the reader sees it: on a terminal, unless NO_COLOR; everywhere with FORCE_COLOR. */
import type { Writable } from "node:stream";

type Paint = (text: string) => string;

export interface Style {
  readonly colour: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly error: Paint;
  readonly good: Paint;
  readonly warning: Paint;
  readonly place: Paint;
  readonly accent: Paint;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Whether to colour what goes to `stream` (https://no-color.org, https://force-color.org). */
export function wantsColour(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  return stream.isTTY === true && env.TERM !== "dumb";
}

/** Whether to draw progress that moves: on a terminal that can, and not under a continuous-integration service. */
export function wantsDrawing(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): boolean {
  const inService = env.CI !== undefined && env.CI !== "" && env.CI !== "0" && env.CI !== "false";
  return stream.isTTY === true && env.TERM !== "dumb" && !inService;
}

export function makeStyle(stream: OutputStream, env: NodeJS.ProcessEnv = process.env): Style {
  const colour = wantsColour(stream, env);
  const paint =
    (open: number, close: number): Paint =>
    (text) =>
      colour && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    colour,
    bold: paint(1, 22),
    dim: paint(2, 22),
    error: paint(31, 39),
    good: paint(32, 39),
    warning: paint(33, 39),
    place: paint(36, 39),
    accent: paint(34, 39),
  };
}

/** Text from tasks and files, made harmless for a terminal: escapes and other control characters are shown, not obeyed. */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/\u001b\[[0-9;]*m/g, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}
