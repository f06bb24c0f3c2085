/** Who follows the logs of runs on a socket: the runs' journals are asked, and hold each question until there is a log. */
import { HOLD_SECONDS_MAX } from "../../contract/bounds.ts";
import { ENVELOPE_VERSION, type Envelope, type ObjectAddress } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import { journalOfRun, type JournalAddress } from "../../contract/journals.ts";
import type { Log, LogFilter } from "../../contract/wire/logs.ts";
import { createLogMatcher } from "../../domain/journal/read-logs.ts";
import { closeWith, sendFrame } from "../shared/frames.ts";
import { CLOSE } from "./sockets.ts";

/** Runs that one socket may follow: each one is a question that waits. */
const RUNS_MAX = 20;
const LOGS_PER_LOOK = 200;
/** A listener gets what was written in the last minutes, however far back its filter goes. */
const REPLAY_MS = 15 * 60_000;
const RETRY_MS = 1000;

export class LogFollowers {
  readonly #address: ObjectAddress;
  readonly #call: (envelope: Envelope) => Promise<Result<unknown>>;
  readonly #following = new Set<WebSocket>();

  constructor(address: ObjectAddress, call: (envelope: Envelope) => Promise<Result<unknown>>) {
    this.#address = address;
    this.#call = call;
  }

  /** Says why a filter cannot be followed; undefined where it can. */
  findFault({ flow_run_ids }: LogFilter): string | undefined {
    if (flow_run_ids === undefined || flow_run_ids.length === 0)
      return "Name the flow runs whose logs are wanted, by flow_run_id.any_.";
    if (flow_run_ids.length > RUNS_MAX) return `At most ${RUNS_MAX} flow runs can be followed on a socket.`;
    return undefined;
  }

  /** Sends the logs that a filter means, those of the last minutes first, until the socket ends. An unknown run has none. */
  async follow(socket: WebSocket, filter: LogFilter): Promise<void> {
    this.#following.add(socket);
    const isMeant = createLogMatcher(filter);
    await Promise.all(
      [...new Set(filter.flow_run_ids)].map(async (id) => {
        const journal = journalOfRun(this.#address.workspace, id);
        if (journal !== undefined) await this.#followRun(socket, id, journal, filter, isMeant);
      }),
    );
  }

  /** The socket has ended. */
  leave(socket: WebSocket): void {
    this.#following.delete(socket);
  }

  async #followRun(
    socket: WebSocket,
    flow_run_id: string,
    journal: JournalAddress,
    filter: LogFilter,
    isMeant: (log: Log) => boolean,
  ): Promise<void> {
    const earliest = formatInstant(Date.now() - REPLAY_MS);
    const asked = filter.timestamp_after ?? formatInstant(Date.now());
    const since = asked > earliest ? asked : earliest;
    const found = await this.#ask<{ place: number }>(journal, "find_log_place", { flow_run_id, since });
    if (!found.ok) {
      closeWith(socket, CLOSE.internal, "The logs cannot be reached now; connect again.");
      return;
    }
    for (let after = found.value.place; this.#following.has(socket);) {
      const command = { flow_run_id, after, limit: LOGS_PER_LOOK, wait_seconds: HOLD_SECONDS_MAX };
      const heard = await this.#ask<{ logs: Log[]; next: number }>(journal, "tail_logs", command);
      if (!heard.ok) {
        await new Promise((resolve) => {
          setTimeout(resolve, RETRY_MS);
        });
        continue;
      }
      for (const log of heard.value.logs)
        if (log.timestamp >= since && isMeant(log) && !sendFrame(socket, { type: "log", log }))
          this.leave(socket);
      after = heard.value.next;
    }
  }

  async #ask<Value>(address: JournalAddress, operation: string, command: unknown): Promise<Result<Value>> {
    return (await this.#call({
      v: ENVELOPE_VERSION,
      address,
      actor: "hub",
      request_id: "",
      operation,
      command,
    })) as Result<Value>;
  }
}
