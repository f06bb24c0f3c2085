/** Callers of one limit over HTTP, or on a socket, who note what they asked, what they were told, and when. */
import { ERRORS } from "../../src/contract/errors.ts";
import type { Grant, Limit, Waiting } from "../../src/contract/wire/limits.ts";
import type { CallsOnSocket } from "./calls-on-socket.ts";
import type { Call } from "./checker.ts";
import type { AcquireAnswer, LimitOperation } from "./limit-specification.ts";

/** What one caller may do; each call is recorded, whatever comes of it, and null says that no answer came. */
export class Recorder {
  readonly history: Call<LimitOperation>[] = [];
  readonly name: string;
  readonly #root: string;
  readonly #socket: CallsOnSocket | undefined;

  /** With a socket, it acquires and releases on that one whenever nothing need be held. */
  constructor(apiUrl: string, name: string, socket?: CallsOnSocket) {
    this.#root = `${apiUrl}/v2/concurrency_limits`;
    this.name = name;
    this.#socket = socket;
  }

  async acquire(request_id: string, slots: number, wait_seconds: number): Promise<AcquireAnswer | null> {
    const startedAt = performance.now();
    const answer = await this.#record(
      async (): Promise<AcquireAnswer> => {
        const body = { names: [this.name], request_id, slots, wait_seconds, lease_seconds: 600 };
        const { status, text } =
          this.#socket === undefined || wait_seconds > 0
            ? await this.#send("POST", "/acquire", body, [410, 422])
            : await this.#say(this.#socket, { acquire: body }, [410, 422]);
        if (status === 410) return { status: "gone" };
        if (status === 422) return { status: "refused" };
        const told = JSON.parse(text) as Grant | Waiting;
        return told.status === "granted"
          ? { status: "granted", lease_id: told.lease_id, fence: told.fence ?? 0 }
          : { status: "waiting" };
      },
      (told) => ({ kind: "acquire", request_id, slots, answer: told }),
    );
    // Others may have waited behind one that was held, until the limit was lowered below what it wanted.
    if (wait_seconds > 0 && answer?.status === "refused")
      this.history.push({
        operation: { kind: "stand", request_id, slots },
        startedAt,
        answeredAt: performance.now(),
      });
    return answer;
  }

  withdraw(request_id: string): Promise<"done" | null> {
    return this.#record(
      async () => {
        await this.#send("POST", "/withdraw", { names: [this.name], request_id });
        return "done" as const;
      },
      (answer) => ({ kind: "withdraw", request_id, answer }),
    );
  }

  release(lease_id: string): Promise<"done" | null> {
    return this.#record(
      async () => {
        if (this.#socket === undefined) await this.#send("POST", "/decrement-with-lease", { lease_id });
        else await this.#say(this.#socket, { release: { lease_id } });
        return "done" as const;
      },
      (answer) => ({ kind: "release", lease_id, answer }),
    );
  }

  renew(lease_id: string): Promise<"renewed" | "gone" | null> {
    return this.#record(
      async () => {
        const { status } = await this.#send("POST", `/leases/${lease_id}/renew`, {}, [410]);
        return status === 410 ? ("gone" as const) : ("renewed" as const);
      },
      (answer) => ({ kind: "renew", lease_id, answer }),
    );
  }

  resize(limit: number): Promise<"done" | null> {
    return this.#record(
      async () => {
        await this.#send("PATCH", `/${this.name}`, { limit });
        return "done" as const;
      },
      (answer) => ({ kind: "resize", limit, answer }),
    );
  }

  /** A look that was lost says nothing, so it is not recorded. */
  async read(): Promise<void> {
    const startedAt = performance.now();
    try {
      const { text } = await this.#send("GET", `/${this.name}`);
      const { limit, active_slots } = JSON.parse(text) as Limit;
      this.history.push({
        operation: { kind: "read", answer: { limit, active_slots } },
        startedAt,
        answeredAt: performance.now(),
      });
    } catch (error) {
      if (error instanceof RangeError) throw error;
    }
  }

  async #record<Answer>(
    send: () => Promise<Answer>,
    describe: (answer: Answer | null) => LimitOperation,
  ): Promise<Answer | null> {
    const startedAt = performance.now();
    try {
      const answer = await send();
      this.history.push({ operation: describe(answer), startedAt, answeredAt: performance.now() });
      return answer;
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.history.push({ operation: describe(null), startedAt, answeredAt: Number.POSITIVE_INFINITY });
      return null;
    }
  }

  /** One call on a socket that may be cut, told as the answer to a request would be. */
  async #say(
    socket: CallsOnSocket,
    call: object,
    expected: readonly number[] = [],
  ): Promise<{ status: number; text: string }> {
    const answer = await socket.call(call);
    if (answer.ok) return { status: 200, text: JSON.stringify(answer.value) };
    const { status } = ERRORS[answer.error.code];
    if (status === 503) throw new Error(answer.error.detail);
    if (!expected.includes(status)) throw new RangeError(`${JSON.stringify(call)}: ${answer.error.detail}`);
    return { status, text: "" };
  }

  /** One request on a connection that may be cut. Throws RangeError for an answer that nobody expects. */
  async #send(
    method: string,
    path: string,
    body?: unknown,
    expected: readonly number[] = [],
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(this.#root + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // Nothing is known of what a server in trouble has done.
    if (response.status === 503) throw new Error(text);
    if (!response.ok && !expected.includes(response.status))
      throw new RangeError(`${method} ${path}: ${response.status} ${text}`);
    return { status: response.status, text };
  }
}
