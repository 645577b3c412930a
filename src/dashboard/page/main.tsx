import { render } from "preact";
import { App } from "./app.tsx";
import { start } from "./store.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
start();
render(<App />, document.getElementById("app")!);
