// A program on Node.js's own https. It asks the proxy for a tunnel itself, because Node.js obeys
// HTTPS_PROXY only from version 24 on; which certificates to trust it reads from the environment.
import http from "node:http";
import https from "node:https";
import tls from "node:tls";

class TunnelAgent extends https.Agent {
  createConnection(options, connected) {
    const proxy = new URL(process.env.HTTPS_PROXY);
    const path = `${options.host}:${options.port}`;
    http
      .request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path })
      .on("connect", (_, socket) => connected(null, tls.connect({ ...options, socket })))
      .on("error", connected)
      .end();
  }
}

const headers = { Authorization: `Bearer ${process.env.EXAMPLE_AI_API_KEY}` };
https.get("https://api.example.com/v1/models", { agent: new TunnelAgent(), headers }, (reply) => {
  if (reply.statusCode !== 200) process.exitCode = 1;
  reply.pipe(process.stdout);
});
