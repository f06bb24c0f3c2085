/** One event, whole. */
import { useRoute } from "preact-iso";
import type { ReceivedEvent } from "../../contract/wire/events.ts";
import { useQuery } from "../data/query.ts";
import { Facts } from "../parts/facts.tsx";
import { Loading } from "../parts/loading.tsx";
import { Missing } from "../parts/missing.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Resource } from "../parts/resource.tsx";
import { formatExact } from "../parts/time.tsx";

export function Event() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<{ events: ReceivedEvent[] }>({
    method: "POST",
    path: "/events/filter",
    body: { filter: { id: { id: [id] } } },
  });
  const event = found.value?.events[0];
  usePageTitle(event?.event ?? "Event");
  if (found.value === undefined) return <Loading query={found} />;
  if (event === undefined)
    return (
      <Missing what="There is no such event">
        <p>
          Events are kept for a week. <a href="/events">Go to the events</a>
        </p>
      </Missing>
    );
  return (
    <>
      <div class="title">
        <h1>{event.event}</h1>
      </div>
      <Facts
        facts={[
          ["When", formatExact(event.occurred)],
          ["About", <Resource key="about" labels={event.resource} />],
          ...event.related.map(
            (labels) =>
              [
                labels["prefect.resource.role"] ?? "Besides",
                <Resource key="besides" labels={labels} />,
              ] as const,
          ),
          [
            "Follows",
            event.follows !== null && (
              <a href={`/events/event/${event.occurred.slice(0, 10)}/${event.follows}`}>{event.follows}</a>
            ),
          ],
          ["Id", <code key="id">{event.id}</code>],
        ]}
      />
      <h2>All of it</h2>
      <pre tabIndex={0}>{JSON.stringify(event, null, 2)}</pre>
    </>
  );
}
