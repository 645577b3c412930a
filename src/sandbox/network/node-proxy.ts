/**
 * Makes Node's own clients use the proxy of HTTP_PROXY: `fetch`, `http` and `https`. Loaded by `--require` inside a sandbox.
 *
 * From Node 24 on Node does it by itself (NODE_USE_ENV_PROXY) and this steps aside; before that, Node reads no such variable.
 * `fetch` comes from the undici inside Node, whose classes are reached through its global dispatcher.
 */
export const nodeProxySource = `"use strict";
const [major, minor] = process.versions.node.split(".").map(Number);
const proxyUrl = process.env.HTTP_PROXY;
if (proxyUrl && !(major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21))) {
  const http = require("node:http"), https = require("node:https"), tls = require("node:tls"), net = require("node:net");
  const proxy = { host: new URL(proxyUrl).hostname, port: Number(new URL(proxyUrl).port) };
  const isLocal = (host) => /^(localhost|127\\.[0-9.]+|\\[?::1\\]?)$/.test(host || "localhost");
  const plainHost = (host) => host.replace(/^\\[|\\]$/g, "");
  const authority = (host, port) => (net.isIPv6(host) ? "[" + host + "]" : host) + ":" + port;

  function tunnel(host, port, done) {
    const target = authority(plainHost(host), port);
    const request = http.request({ ...proxy, method: "CONNECT", path: target, headers: { Host: target }, agent: false });
    request.once("error", done);
    request.once("connect", (response, socket) => {
      if (response.statusCode === 200) return done(null, socket);
      socket.destroy();
      done(Object.assign(new Error(response.statusMessage), { code: "ERR_PROXY_TUNNEL", statusCode: response.statusCode }));
    });
    request.end();
  }
  function secure(options, done) {
    const host = options.servername || options.host || options.hostname;
    tunnel(options.host || options.hostname, options.port || 443, (error, socket) => {
      if (error) return done(error, null);
      done(null, tls.connect({ ...options, socket, host: undefined, path: undefined, servername: net.isIP(host) ? "" : host }));
    });
  }

  class TunnelAgent extends https.Agent {
    createConnection(options, done) {
      if (isLocal(options.host)) return super.createConnection(options, done);
      secure(options, done);
    }
  }
  class ForwardAgent extends http.Agent {
    addRequest(request, options) {
      if (!options.socketPath && !isLocal(options.host) && /^\\//.test(request.path)) {
        const port = Number(options.port) || 80;
        request.path = "http://" + (port === 80 ? options.host : authority(options.host, port)) + request.path;
        options = { ...options, ...proxy };
      }
      return super.addRequest(request, options);
    }
  }
  http.globalAgent = new ForwardAgent({ keepAlive: true, timeout: 5000 });
  https.globalAgent = new TunnelAgent({ keepAlive: true, timeout: 5000 });

  const symbol = Symbol.for("undici.globalDispatcher.1");
  void globalThis.Response;
  const Agent = globalThis[symbol] && globalThis[symbol].constructor;
  if (Agent) {
    class ProxyDispatcher extends Agent {
      constructor() {
        super({
          connect(options, done) {
            if (options.protocol === "https:" && !isLocal(options.hostname)) {
              const { hostname, port, servername } = options;
              return secure({ host: hostname, port, servername: servername || hostname, ALPNProtocols: ["http/1.1"] }, (error, socket) => {
                if (error) return done(error, null);
                socket.once("secureConnect", () => { socket.off("error", done); done(null, socket); });
                socket.once("error", done);
              });
            }
            const local = { host: plainHost(options.hostname), port: options.port || (options.protocol === "https:" ? 443 : 80) };
            const socket = options.protocol === "https:" ? tls.connect(local) : net.connect(local);
            socket.once("error", done);
            socket.once(options.protocol === "https:" ? "secureConnect" : "connect", () => { socket.off("error", done); done(null, socket); });
          },
        });
      }
      dispatch(options, handler) {
        const origin = new URL(options.origin);
        if (origin.protocol !== "http:" || isLocal(origin.hostname)) return super.dispatch(options, handler);
        const headers = Array.isArray(options.headers) ? [...options.headers] : { ...options.headers };
        if (Array.isArray(headers)) headers.push("host", origin.host);
        else headers.host = origin.host;
        return super.dispatch({ ...options, origin: proxyUrl, path: origin.origin + options.path, headers }, handler);
      }
    }
    globalThis[symbol] = new ProxyDispatcher();
  }
}
`;
