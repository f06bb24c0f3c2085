/** A proxy before a server: it notes which calls a client makes and how they are answered, and does what faults are told. */
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** What a client asked for, without the query. */
export interface Call {
  method: string;
  /** `WS` paths are those of an upgrade. */
  path: string;
}

/** What happens to a call instead of being passed on and answered. */
export type Fault =
  /** Answered by the proxy. */
  | { kind: "answer"; status: number; headers?: Record<string, string> }
  /** The connection is cut before the server sees the call. */
  | { kind: "cut_before" }
  /** The server has done it; the connection is cut before its answer arrives. */
  | { kind: "cut_after" }
  /** Passed on late. */
  | { kind: "slow"; delayMs: number };

export interface Proxy extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** `METHOD /path STATUS`, each once, paths as the server's own document names them. */
  readonly seen: ReadonlySet<string>;
  /** Looked at for each call; undefined lets it pass. */
  fault: (call: Call) => Fault | undefined;
}

/** Starts a proxy before a server's URL; its document of paths gives the recorded calls their names. */
export async function startProxy(target: string): Promise<Proxy> {
  const templates = await readTemplates(target);
  const { host, hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const seen = new Set<string>();
  const note = (call: Call, status: number) =>
    seen.add(`${call.method} ${nameOf(call.path, templates)} ${status}`);

  const pass = async (incoming: IncomingMessage, answer: ServerResponse) => {
    const call = { method: incoming.method ?? "GET", path: pathOf(incoming) };
    const fault = proxy.fault(call);
    if (fault?.kind === "cut_before") return incoming.socket.destroy();
    if (fault?.kind === "answer") {
      incoming.resume();
      return answer.writeHead(fault.status, fault.headers).end();
    }
    if (fault?.kind === "slow") await delay(fault.delayMs);
    const outgoing = request(`${target}${incoming.url ?? "/"}`, {
      agent,
      method: call.method,
      headers: { ...incoming.headers, host },
    });
    outgoing.on("error", () => incoming.socket.destroy());
    outgoing.on("response", (response) => {
      note(call, response.statusCode ?? 0);
      if (fault?.kind === "cut_after") {
        response.resume();
        incoming.socket.destroy();
        return;
      }
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
      // A server that dies within its answer leaves it unfinished for the client, too.
      pipeline(response, answer, (error) => error && incoming.socket.destroy());
    });
    answer.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  };

  const server = createServer((incoming, answer) => void pass(incoming, answer));
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (incoming: IncomingMessage, client: Socket, head: Buffer) => {
    const call = { method: "WS", path: pathOf(incoming) };
    const fault = proxy.fault(call);
    if (fault?.kind === "cut_before" || fault?.kind === "cut_after") return client.destroy();
    if (fault?.kind === "answer") return client.end(`HTTP/1.1 ${fault.status} Fault\r\n\r\n`);
    const upstream = connect(Number(port), hostname, () => {
      const headers = Object.entries({ ...incoming.headers, host }).map(
        ([name, value]) => `${name}: ${String(value)}\r\n`,
      );
      upstream.write(`GET ${incoming.url ?? "/"} HTTP/1.1\r\n${headers.join("")}\r\n`);
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.once("data", (first: Buffer) => note(call, Number(first.subarray(9, 12).toString("latin1"))));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));

  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    fault: () => undefined,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?")[0] ?? url;
}

/** The server's paths as patterns, those with the fewest names first; none where it wants a key for them. */
async function readTemplates(target: string): Promise<{ name: string; pattern: RegExp }[]> {
  const answer = await fetch(`${target}/api/openapi.json`);
  if (!answer.ok) return [];
  const { paths } = (await answer.json()) as { paths: Record<string, unknown> };
  const parameters = (path: string) => path.split("{").length;
  return Object.keys(paths)
    .toSorted((left, right) => parameters(left) - parameters(right))
    .map((name) => ({
      name,
      pattern: new RegExp(`^${name.replaceAll(/\{[^}]+\}/gu, "[^/]+").replace(/\/$/u, "")}/?$`, "u"),
    }));
}

/** The document's name of a path; a path that it does not have keeps its own, without ids. */
function nameOf(path: string, templates: { name: string; pattern: RegExp }[]): string {
  const known = templates.find(({ pattern }) => pattern.test(path))?.name;
  return known ?? path.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gu, "{id}");
}
