/** The languages that come with the engine. Importing this makes them known. */
import { registerLanguage } from "../language.js";
import { bash } from "./bash.js";
import { javascript } from "./javascript.js";
import { python } from "./python.js";

for (const language of [python, javascript, bash]) registerLanguage(language);

export { bash, javascript, python };
