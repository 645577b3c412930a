/** A package view as a part of a launch recipe. */
import type { Mount, RecipePart } from "../recipe.js";
import type { PackageView } from "./view.js";

/** Hides the folders of packages and shows in them what the view has. */
export function packagePart(view: PackageView): RecipePart {
  const hidden: Mount[] = view.roots.map((target) => ({ type: "empty", target }));
  const shown: Mount[] = view.binds.map((bind) => ({ type: "read-only", ...bind }));
  const data: Mount[] = view.data.map((bind) => ({ type: "read-only", ...bind }));
  const preload = view.language === "python" ? view.importNames : [];
  return {
    key: `packages:${view.digest}`,
    mounts: [...hidden, ...shown, ...data],
    environment: view.environment,
    preload,
  };
}
