/** `--view`, of every command that carries out a run: how it is shown while it goes on. */
import { Option } from "commander";

const viewNames = ["tree", "table", "quiet"] as const;
export type ViewName = (typeof viewNames)[number];

export function viewOption(): Option {
  return new Option("--view <how>", "draw the whole run on a terminal; quiet is the same as --quiet")
    .choices(viewNames)
    .conflicts("quiet");
}
