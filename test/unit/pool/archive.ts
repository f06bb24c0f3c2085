/** A pool whose finished runs move an hour after their end, and the journals of its days, all for real. */
import { ENVELOPE_VERSION, formatAddress, type Envelope } from "../../../src/contract/envelope.ts";
import { accept, refuse, type Result } from "../../../src/contract/errors.ts";
import type { FlowRunSort } from "../../../src/contract/wire/filters.ts";
import { JournalActor } from "../../../src/objects/journal/actor.ts";
import { createNodeHost, type NodeHost } from "../../support/node-host.ts";
import { createTestPool, draftOf } from "./support.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

type Meddle = (envelope: Envelope, ask: () => Promise<Result<unknown>>) => Promise<Result<unknown>>;

/** Wires a pool to its journals. */
export async function createArchive() {
  const pool = await createTestPool({ move_after_seconds: 3600 });
  const journals = new Map<string, { actor: JournalActor; host: NodeHost }>();
  let isAway = false;
  let meddle: Meddle = (_envelope, ask) => ask();
  const open = async (envelope: Envelope) => {
    const name = formatAddress(envelope.address);
    const known = journals.get(name);
    if (known !== undefined) return known;
    const host = createNodeHost({
      address: envelope.address,
      clock: pool.clock,
      call: (effect) => pool.receive(effect),
    });
    const made = { actor: new JournalActor(host, { retention_days: 30 }), host };
    await made.actor.start();
    journals.set(name, made);
    return made;
  };
  pool.answer = async (envelope): Promise<Result<unknown>> => {
    if (envelope.address.kind !== "journal") return accept(null);
    if (isAway) return refuse("unavailable");
    return meddle(envelope, async () => (await open(envelope)).actor.execute(envelope));
  };
  const state = (id: string, type: "RUNNING" | "COMPLETED" | "SCHEDULED" | "PAUSED") =>
    pool.do("set_state", { id, state: { type }, is_forced: false, run: null });
  const finish = async (more: Parameters<typeof draftOf>[0] = {}) => {
    await pool.advance(1);
    const { flow_run } = await pool.do("create_run", { draft: draftOf(more), deployment: null });
    await state(flow_run.id, "RUNNING");
    await state(flow_run.id, "COMPLETED");
    return flow_run.id;
  };
  return {
    pool,
    journals,
    state,
    finish,
    /** Asks the pool for something while a journal is asked: nothing can settle before. */
    during: async (operation: string, command: object) => {
      const answer = await pool.receive({
        v: ENVELOPE_VERSION,
        address: pool.host.address,
        actor: "test",
        request_id: crypto.randomUUID(),
        operation,
        command,
      });
      if (!answer.ok) throw new Error(`${operation}: ${answer.error.detail}`);
    },
    /** Lets a test do something before or after a journal is asked, or lose its answer. */
    setMeddle: (next: Meddle) => {
      meddle = next;
    },
    setAway: (next: boolean) => {
      isAway = next;
    },
    /** Ids of the runs that the pool itself has. */
    here: () => pool.host.sql.all<{ id: string }>("SELECT id FROM flow_run").map(({ id }) => id),
    count: (flow_runs: object = {}) => pool.do("count_runs", { filter: { flow_runs } }),
    list: async (
      flow_runs: object = {},
      page: { limit?: number; offset?: number; sort?: FlowRunSort } = {},
    ) =>
      (
        await pool.do("filter_runs", {
          filter: { flow_runs },
          sort: "ID_DESC",
          limit: 10,
          offset: 0,
          ...page,
        })
      ).map(({ id }) => id),
  };
}
