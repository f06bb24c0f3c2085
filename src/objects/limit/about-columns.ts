/** The columns that a lease and a waiter share: for whom it is. */
import type { Holder } from "../../contract/wire/limits.ts";
import type { About } from "../../domain/limit/types.ts";

/** Who holds or asks, as a row has it. */
export interface AboutRow {
  holder_type: Holder["type"] | null;
  holder_id: string | null;
  flow_run_id: string | null;
  attempt_id: string | null;
  run_fence: number | null;
  note: string | null;
}

/** The values of the columns, in the order of {@link AboutRow}. */
export function aboutValues({ holder, run, note }: About): (string | number | null)[] {
  return [
    holder?.type ?? null,
    holder?.id ?? null,
    run?.flow_run_id ?? null,
    run?.attempt_id ?? null,
    run?.fence ?? null,
    note,
  ];
}

/** Takes the columns out of a row. */
export function splitAbout<Row extends AboutRow>(
  row: Row,
): { about: About; rest: Omit<Row, keyof AboutRow> } {
  const { holder_type, holder_id, flow_run_id, attempt_id, run_fence, note, ...rest } = row;
  return {
    about: {
      holder: holder_type === null || holder_id === null ? null : { type: holder_type, id: holder_id },
      run:
        flow_run_id === null || attempt_id === null || run_fence === null
          ? null
          : { flow_run_id, attempt_id, fence: run_fence },
      note,
    },
    rest,
  };
}
