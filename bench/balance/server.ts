/** An HTTP server that answers after a time: `node server.js <milliseconds>`. Prints its port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const delayMs = Number(process.argv[2]);
const server = createServer((_request, response) => {
  setTimeout(() => response.end("ok"), delayMs);
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit(0));
