/** Events in a table. */
import type { ReceivedEvent } from "../../contract/wire/events.ts";
import { Resource } from "./resource.tsx";
import { Table } from "./table.tsx";
import { When } from "./time.tsx";

export function EventTable({ events }: { events: readonly ReceivedEvent[] }) {
  return (
    <Table heads={["event", "about", "besides", "when"]}>
      {events.map(({ id, event, occurred, resource, related }) => (
        <tr key={id}>
          <td>
            <a href={`/events/event/${occurred.slice(0, 10)}/${id}`}>{event}</a>
          </td>
          <td class="wraps">
            <Resource labels={resource} />
          </td>
          <td class="wraps">
            {related.slice(0, 3).map((labels, index) => (
              <span key={index} class="related">
                <span class="count">{labels["prefect.resource.role"]}</span> <Resource labels={labels} />
              </span>
            ))}
            {related.length > 3 && <span class="count">and {related.length - 3} more</span>}
          </td>
          <td>
            <When at={occurred} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
