/** The slots that a run has held: its pool keeps them, and they go where the run goes. */
import { expect, test } from "vitest";
import { RUN_LEASES_MAX } from "../../../src/contract/bounds.ts";
import { formatInstant } from "../../../src/contract/instants.ts";
import type { RunLease } from "../../../src/contract/wire/limits.ts";
import { createArchive, HOUR_MS } from "./archive.ts";

const UNKNOWN = "018f0000-0000-7000-8000-0000000000aa";

/** The n-th lease of a run; later ones were acquired later. */
const leaseOf = (flow_run_id: string, index: number): RunLease => ({
  lease_id: `018f0000-0000-8000-8000-${String(1000 - index).padStart(12, "0")}`,
  limit_name: "gpu",
  fence: index,
  slots: 1,
  slot_names: ["GPU-1"],
  holder: null,
  flow_run_id,
  note: null,
  waited_seconds: 2,
  estimated_seconds: null,
  acquired_at: formatInstant(1_800_000_000_000 + index),
  ended_at: formatInstant(1_800_000_001_000 + index),
  ended_by: "holder",
  is_reservation: false,
});

async function open() {
  const archive = await createArchive();
  const { pool } = archive;
  return {
    ...archive,
    note: (...leases: RunLease[]) => pool.do("note_leases", { leases }),
    leasesOf: (id: string) => pool.do("list_leases_of_run", { id }),
    rows: () => pool.host.sql.all("SELECT flow_run_id FROM run_lease"),
  };
}

test("leases are kept once, in the order in which the run got them, the first hundred; none of runs that are not there", async () => {
  const { pool, finish, note, leasesOf, rows } = await open();
  const [id, other] = [await finish(), await finish()];
  expect(await leasesOf(id)).toEqual([]);
  await note(leaseOf(id, 2), leaseOf(other, 1), leaseOf(UNKNOWN, 1));
  await note(leaseOf(id, 1), { ...leaseOf(id, 2), slots: 7 });
  expect(await leasesOf(id)).toEqual([leaseOf(id, 1), leaseOf(id, 2)]);
  expect(await leasesOf(other)).toEqual([leaseOf(other, 1)]);
  expect(rows()).toHaveLength(3);
  await note(...Array.from({ length: RUN_LEASES_MAX }, (_, index) => leaseOf(id, index + 3)));
  expect(await leasesOf(id)).toHaveLength(RUN_LEASES_MAX);
  expect(await pool.ask("list_leases_of_run", { id: UNKNOWN })).toMatchObject({
    error: { code: "not_found" },
  });
  await pool.do("delete_run", { id });
  expect(rows()).toHaveLength(1);
});

test("a run takes them along to its journal and brings them back; of one that has moved no more are kept", async () => {
  const { pool, finish, here, note, leasesOf, rows } = await open();
  const id = await finish();
  const leases = [leaseOf(id, 1), leaseOf(id, 2)];
  await note(...leases);
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  expect(rows()).toEqual([]);
  expect(await leasesOf(id)).toEqual(leases);
  await note(leaseOf(id, 3));
  expect(here()).toEqual([]);
  expect(await leasesOf(id)).toEqual(leases);
  await pool.do("update_labels", { id, labels: { seen: "yes" } });
  expect(here()).toEqual([id]);
  expect(await leasesOf(id)).toEqual(leases);
  await pool.do("delete_run", { id });
  expect(await pool.ask("list_leases_of_run", { id })).toMatchObject({ error: { code: "not_found" } });
  expect(rows()).toEqual([]);
});

test("one that comes while its run is on its way is not lost, and the run moves later", async () => {
  const { pool, during, finish, here, leasesOf, setMeddle } = await open();
  const id = await finish();
  setMeddle(async ({ operation }, ask) => {
    if (operation === "keep_run") {
      setMeddle((_envelope, next) => next());
      await during("note_leases", { leases: [leaseOf(id, 1)] });
    }
    return ask();
  });
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([id]);
  expect(await leasesOf(id)).toEqual([leaseOf(id, 1)]);
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  expect(await leasesOf(id)).toEqual([leaseOf(id, 1)]);
});
