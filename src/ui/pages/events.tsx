/** Events as they come, the newest first. */
import { useState } from "preact/hooks";
import type { ReceivedEvent } from "../../contract/wire/events.ts";
import { useLatest } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Empty } from "../parts/empty.tsx";
import { EventTable } from "../parts/event-table.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";

interface EventPage {
  events: ReceivedEvent[];
  total: number;
  next_page: string | null;
}

export function Events() {
  usePageTitle("Events");
  const [{ prefix, resource }, set] = useUrlQuery(["prefix", "resource"]);
  /** Where the page begins; null is the newest, which alone is live. */
  const [token, setToken] = useState<string | null>(null);
  const filter = {
    ...(prefix !== "" && { event: { prefix: [prefix] } }),
    ...(resource !== "" && { any_resource: [{ id_prefix: [resource] }] }),
  };
  const newest = { method: "POST", path: "/events/filter", body: { filter } } as const;
  const found = useLatest<EventPage>(
    token === null ? newest : { method: "GET", path: `/events/filter/next?page-token=${token}` },
  );
  const change = (to: Partial<Record<"prefix" | "resource", string>>): void => {
    setToken(null);
    set(to);
  };
  if (found.value === undefined) return <Loading query={found} />;
  const { events, total, next_page } = found.value;
  const next = next_page === null ? null : new URL(next_page).searchParams.get("page-token");
  return (
    <>
      <div class="title">
        <h1>Events</h1>
        <p class="totals">
          <b>{total}</b> in the last week
        </p>
      </div>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Name begins with{" "}
          <input
            class="wide"
            type="search"
            value={prefix}
            placeholder="prefect.flow-run."
            onInput={({ currentTarget }) => change({ prefix: currentTarget.value.trim() })}
          />
        </label>
        <label>
          About{" "}
          <input
            class="wide"
            type="search"
            value={resource}
            placeholder="prefect.flow-run.ID"
            onInput={({ currentTarget }) => change({ resource: currentTarget.value.trim() })}
          />
        </label>
      </form>
      {events.length > 0 ? (
        <EventTable events={events} />
      ) : prefix !== "" || resource !== "" ? (
        <p class="none">No event is like that.</p>
      ) : (
        <Empty command="sluice event emit my.event --resource-id my.thing">
          There is none yet. From now on the server tells of what it does; clients tell of what they do, as
          in:
        </Empty>
      )}
      <Pager
        of="events"
        words={["To the newest", "Older"]}
        onNewer={token === null ? undefined : () => setToken(null)}
        onOlder={next === null ? undefined : () => setToken(next)}
      />
    </>
  );
}
