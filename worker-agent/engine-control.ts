/**
 * The channel over which Prefect's engine is asked to cancel itself (from 3.6.27 on; source: its
 * `_internal/control_listener.py`): the engine connects to the port in its environment and sends its token as a line;
 * the agent writes `c`, and the engine answers `a` when the TERM that follows will be taken for a cancellation. Whatever
 * else the engine says is for supervisors that know more, and is ignored.
 */
import { randomBytes } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { waitAtMost } from "../src/client/backoff.ts";

const TOKEN_MS = 5000;
const TOKEN_BYTES_MAX = 256;
const CANCEL = "c";
const ACKNOWLEDGED = 0x61;

export class EngineControl {
  readonly #tokens = new Map<string, string>();
  readonly #engines = new Map<string, Socket>();
  readonly #sockets = new Set<Socket>();
  #server: Promise<Server | undefined> | undefined;

  /** The environment with which the engine of an attempt finds the channel; empty when there is no port to be had. */
  async admit(attemptId: string): Promise<Record<string, string>> {
    this.#server ??= this.#listen();
    const server = await this.#server;
    if (server === undefined) return {};
    const token = randomBytes(24).toString("hex");
    this.#tokens.set(token, attemptId);
    const { port } = server.address() as AddressInfo;
    return { PREFECT__CONTROL_PORT: String(port), PREFECT__CONTROL_TOKEN: token };
  }

  /** Asks the engine to cancel itself; resolves when it has said that it will, or after the bound. */
  async ask(attemptId: string, boundMs: number): Promise<void> {
    const engine = this.#engines.get(attemptId);
    if (engine === undefined) return;
    const answered = new Promise<void>((resolve) => {
      engine.on("data", (bytes: Buffer) => {
        if (bytes.includes(ACKNOWLEDGED)) resolve();
      });
      engine.once("close", () => resolve());
    });
    engine.write(CANCEL);
    await waitAtMost(answered, boundMs);
  }

  /** The attempt is over. */
  forget(attemptId: string): void {
    for (const [token, id] of this.#tokens) if (id === attemptId) this.#tokens.delete(token);
    this.#engines.get(attemptId)?.destroy();
    this.#engines.delete(attemptId);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    (await this.#server)?.close();
  }

  #listen(): Promise<Server | undefined> {
    const server = createServer((socket) => this.#greet(socket));
    // Engines that are still connected do not keep the agent from leaving.
    server.unref();
    return new Promise((resolve) => {
      server.once("error", () => resolve(undefined));
      server.listen(0, "127.0.0.1", () => resolve(server));
    });
  }

  /** Takes the first line for a token. Who has none, or says nothing, is sent away. */
  #greet(socket: Socket): void {
    let text = "";
    this.#sockets.add(socket);
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.setTimeout(TOKEN_MS, () => socket.destroy());
    const listen = (bytes: Buffer): void => {
      text += bytes.toString("latin1");
      const end = text.indexOf("\n");
      if (end === -1 && text.length <= TOKEN_BYTES_MAX) return;
      const token = text.slice(0, Math.max(0, end)).trim();
      const attemptId = this.#tokens.get(token);
      if (attemptId === undefined) return void socket.destroy();
      this.#tokens.delete(token);
      socket.off("data", listen);
      socket.setTimeout(0);
      socket.resume();
      this.#engines.set(attemptId, socket);
    };
    socket.on("data", listen);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      for (const [attemptId, engine] of this.#engines) if (engine === socket) this.#engines.delete(attemptId);
    });
  }
}
