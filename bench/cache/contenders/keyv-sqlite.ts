/** keyv over SQLite, with what speeds it up where it can be had: a write-ahead log, and all of the filling in one transaction. */
import { join } from "node:path";
import KeyvSqlite from "@keyv/sqlite";
import Keyv from "keyv";
import type { OpenContender } from "../measure.js";

export const open: OpenContender = (folder) => {
  const store = new KeyvSqlite({ uri: `sqlite://${join(folder, "cache.sqlite")}` });
  const keyv = new Keyv({ store });
  return {
    fill: async (entries) => {
      await store.query("PRAGMA journal_mode = WAL");
      await store.query("BEGIN");
      for (const [key, value] of entries) await keyv.set(key, value);
      await store.query("COMMIT");
    },
    get: (key) => keyv.get(key),
    valueOf: (value) => value,
    close: async () => {
      await keyv.disconnect();
    },
  };
};
