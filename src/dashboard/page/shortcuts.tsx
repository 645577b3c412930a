/** The keyboard: every key is listed in the help that `?` opens, and in docs/dashboard.md. */
import { useEffect, useRef } from "preact/hooks";
import { nextTroubled } from "./navigation.ts";
import { cancel, openTask, openView, retry, run, search, showTask, viewNames } from "./store.ts";
import { toggleTheme } from "./theme.ts";

export const shortcuts: readonly (readonly [string, string])[] = [
  ["1 2 3 4", "graph, timeline, resources, tasks"],
  ["/", "search tasks"],
  ["n", "open the next task that failed"],
  ["\u2191 \u2193 Enter", "move in the table, open a task"],
  ["+ \u2212 0", "zoom in, zoom out, fit"],
  ["Esc", "close the task, empty the search"],
  ["r", "run again what failed, or the open task"],
  ["c", "cancel the open task, or the run"],
  ["d", "light or dark"],
  ["?", "this help"],
];

export function useShortcuts(setHelping: (open: boolean) => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
      if (event.key === "Escape") {
        // The browser empties the box at this key, without always telling.
        if (target.matches("input[type=search]")) search.value = "";
        if (typing) target.blur();
        else showTask(undefined);
        setHelping(false);
        return;
      }
      if (!typing && act(event.key, setHelping)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [setHelping]);
}

function act(key: string, setHelping: (open: boolean) => void): boolean {
  const number = Number(key);
  if (number >= 1 && number <= viewNames.length) {
    openView(viewNames[number - 1]!);
    return true;
  }
  switch (key) {
    case "/":
      document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      return true;
    case "n":
      showTask(nextTroubled(run.value, openTask.value));
      return true;
    case "r":
      askFirst(
        "Run again what did not succeed?",
        run.value?.summary?.canRetry === true,
        () => void retry(openTask.value),
      );
      return true;
    case "c":
      askFirst(cancelQuestion(), run.value?.summary?.canCancel === true, () => void cancel(openTask.value));
      return true;
    case "d":
      toggleTheme();
      return true;
    case "?":
      setHelping(true);
      return true;
    default:
      return false;
  }
}

function cancelQuestion(): string {
  return openTask.value === undefined ? "Cancel the run?" : `Cancel ${run.value?.taskId(openTask.value)}?`;
}

/** One key must not stop a run by mistake. */
function askFirst(question: string, possible: boolean, action: () => void): void {
  if (possible && confirm(question)) action();
}

export function Help({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keyboard</h2>
      <dl>
        {shortcuts.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="button" onClick={onClose}>
        Close
      </button>
    </dialog>
  );
}
