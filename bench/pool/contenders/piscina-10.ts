import { openPiscina } from "./piscina.js";

export const open = openPiscina(10);
