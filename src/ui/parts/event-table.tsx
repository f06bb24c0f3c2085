/** Events in a table. */
import type { ReceivedEvent } from "../../contract/wire/events.ts";
import { Resource } from "./resource.tsx";
import { Table, type Column } from "./table.tsx";
import { When } from "./time.tsx";

export function EventTable({ events }: { events: readonly ReceivedEvent[] }) {
  return <Table rows={events} columns={COLUMNS} keyOf={({ id }) => id} />;
}

const COLUMNS: readonly Column<ReceivedEvent>[] = [
  {
    header: "event",
    cell: ({ id, event, occurred }) => <a href={`/events/event/${occurred.slice(0, 10)}/${id}`}>{event}</a>,
  },
  { header: "about", class: "wraps", cell: ({ resource }) => <Resource labels={resource} /> },
  {
    header: "besides",
    class: "wraps",
    cell: ({ related }) => (
      <>
        {related.slice(0, 3).map((labels, index) => (
          <span key={index} class="related">
            <span class="count">{labels["prefect.resource.role"]}</span> <Resource labels={labels} />
          </span>
        ))}
        {related.length > 3 && <span class="count">and {related.length - 3} more</span>}
      </>
    ),
  },
  { header: "when", cell: ({ occurred }) => <When at={occurred} /> },
];
