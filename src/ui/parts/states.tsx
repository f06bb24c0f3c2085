/** The states that a flow run or a task run came through. */
import type { State } from "../../contract/wire/states.ts";
import { useQuery } from "../data/query.ts";
import { toReadable } from "../data/readable-text.ts";
import { LoadingPart } from "./loading.tsx";
import { StateBadge } from "./state-badge.tsx";
import { When } from "./time.tsx";

/** `path`: where they are asked for. */
export function States({ path }: { path: string }) {
  const states = useQuery<State[]>({ method: "GET", path });
  return (
    <>
      <h2>States</h2>
      {states.value === undefined && <LoadingPart query={states} />}
      <ol class="states">
        {states.value?.map((state) => (
          <li key={state.id}>
            <StateBadge type={state.type} name={state.name} /> <When at={state.timestamp} />
            {typeof state.message === "string" && state.message !== "" && (
              <span class="count"> {toReadable(state.message)}</span>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}
