/** A real HTTP server that answers as a test tells it: the world, not a part of ours. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export interface ScriptedAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Reads the request and then breaks the connection instead of answering. */
  drops?: boolean;
}

export interface ScriptedServer extends AsyncDisposable {
  apiUrl: string;
  requests: SeenRequest[];
}

/** Starts a server on a free port; `answer` decides each request, in the order in which they come. */
export async function startScriptedServer(
  answer: (request: SeenRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>,
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  async function respond(request: SeenRequest, incoming: IncomingMessage, outgoing: ServerResponse) {
    const given = await answer(request, requests.length - 1);
    if (given.drops === true) {
      incoming.socket.destroy();
      return;
    }
    outgoing.writeHead(given.status, { "content-type": "application/json", ...given.headers });
    outgoing.end(given.body === undefined ? undefined : JSON.stringify(given.body));
  }
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const request: SeenRequest = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: text === "" ? undefined : JSON.parse(text),
      };
      requests.push(request);
      void respond(request, incoming, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    apiUrl: `http://127.0.0.1:${port}/api`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
