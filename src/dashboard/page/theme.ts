/** Light or dark: as the system says, until somebody chooses. */
import { signal } from "@preact/signals";

export type Theme = "light" | "dark";

const key = "orchestrator-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function current(): Theme {
  const chosen = localStorage.getItem(key);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

export const theme = signal<Theme>(current());

export function applyTheme(): void {
  theme.value = current();
  document.documentElement.dataset.theme = theme.value;
}

export function toggleTheme(): void {
  localStorage.setItem(key, theme.value === "dark" ? "light" : "dark");
  applyTheme();
}

system.addEventListener("change", applyTheme);

/** A colour of the style sheet, for what is drawn on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
