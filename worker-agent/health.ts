/** `GET /health` for whoever watches the host: 200 while the server answers the agent, else 503. */
import { createServer, type Server } from "node:http";

/** Serves the check on the loopback address; rejects when the port is taken. */
export function serveHealth(port: number, isHealthy: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const status = request.url !== "/health" ? 404 : isHealthy() ? 200 : 503;
    const message = { 200: "OK", 404: "Not Found", 503: "The server does not answer" }[status];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ message }));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
