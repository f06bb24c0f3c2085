/** Calls on the socket of a limit, for callers who want to know whether an answer came. */
import { WebSocket } from "ws";
import type { LimitAnswers } from "../../src/contract/wire/limits.ts";

type Answer = LimitAnswers["answers"][number];

/** One socket that is opened again whenever it is gone. */
export class CallsOnSocket {
  readonly #url: string;
  readonly #mayCut: () => boolean;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  #socket: WebSocket | undefined;
  #unsent: object[] = [];
  #lastId = 0;

  /** `mayCut` decides for each frame whether the connection ends behind it, before any answer. */
  constructor(apiUrl: string, name: string, mayCut: () => boolean) {
    this.#url = `${apiUrl.replace(/^http/, "ws")}/v2/concurrency_limits/${name}/calls`;
    this.#mayCut = mayCut;
  }

  /** Rejects when the connection ended before the answer came. */
  call(body: object): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#unsent.push({ id, ...body });
      this.#socket ??= this.#open();
      // With what others say in the same moment.
      setImmediate(() => this.#send());
    });
  }

  close(): void {
    this.#socket?.terminate();
  }

  #open(): WebSocket {
    const socket = new WebSocket(this.#url);
    socket.on("open", () => this.#send());
    socket.on("message", (data: Buffer) => {
      for (const answer of (JSON.parse(data.toString()) as LimitAnswers).answers) {
        this.#waiting.get(answer.id)?.resolve(answer);
        this.#waiting.delete(answer.id);
      }
    });
    // Each error is followed by a close.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#socket = undefined;
      this.#unsent = [];
      for (const { reject } of this.#waiting.values()) reject(new Error("The connection has ended."));
      this.#waiting.clear();
    });
    return socket;
  }

  #send(): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || this.#unsent.length === 0) return;
    const frame = JSON.stringify({ calls: this.#unsent });
    this.#unsent = [];
    socket.send(frame, () => {
      if (this.#mayCut()) socket.terminate();
    });
  }
}
