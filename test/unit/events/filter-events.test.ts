import { describe, expect, test } from "vitest";
import { EventFilter, type ReceivedEvent } from "../../../src/contract/wire/events.ts";
import { matchesEvent } from "../../../src/domain/events/filter-events.ts";

const event: ReceivedEvent = {
  id: "01a20173-04a0-7780-bf39-ca88bc31f383",
  occurred: "2026-11-22T10:00:00.000000Z",
  event: "prefect.flow-run.Completed",
  resource: { "prefect.resource.id": "prefect.flow-run.1", colour: "blue" },
  related: [
    { "prefect.resource.id": "prefect.flow.1", "prefect.resource.role": "flow" },
    { "prefect.resource.id": "prefect.tag.gpu", "prefect.resource.role": "tag", team: "vision" },
  ],
  payload: { reason: "all is well" },
  follows: null,
  received: "2026-11-22T10:00:01.000000Z",
};
const matches = (filter: unknown) => matchesEvent(EventFilter.parse(filter), event);

describe("an event is meant", () => {
  test.each<[string, object]>([
    ["without any condition", {}],
    [
      "by empty lists, which are no conditions",
      { id: { id: [] }, event: { name: [], prefix: [] }, resource: { id: [] } },
    ],
    ["by its time, both ends included", { occurred: { since: event.occurred, until: event.occurred } }],
    ["by its id, in any case", { id: { id: [event.id.toUpperCase()] } }],
    ["by its name", { event: { name: ["other", event.event] } }],
    ["by how its name begins", { event: { prefix: ["prefect.flow-run."] } }],
    ["by its resource", { resource: { id: ["prefect.flow-run.1"] } }],
    ["by how its resource begins", { resource: { id_prefix: ["prefect.flow-run."] } }],
    ["by a label", { resource: { labels: { colour: ["red", "blue"] } } }],
    ["by the beginning of a label", { resource: { labels: { colour: "bl*" } } }],
    ["by what a label is not", { resource: { labels: { colour: "!red" } } }],
    ["by one related resource", { related: { id: ["prefect.flow.1"], role: ["flow"] } }],
    ["by several, each by its own", { related: [{ role: ["flow"] }, { labels: { team: "vision" } }] }],
    ["by a resource in its role", { related: { resources_in_roles: [["prefect.flow.1", "flow"]] } }],
    ["by any resource, its own", { any_resource: { id: ["prefect.flow-run.1"] } }],
    ["by any resource, a related one", { any_resource: { id_prefix: ["prefect.tag."] } }],
    ["by words in it", { text: { query: "WELL -bad" } }],
  ])("%s", (_, filter) => {
    expect(matches(filter)).toBe(true);
  });
});

describe("an event is not meant", () => {
  test.each<[string, object]>([
    ["before the time", { occurred: { since: "2026-11-22T10:00:00.000001Z" } }],
    ["after the time", { occurred: { until: "2026-11-22T09:59:59.999999Z" } }],
    ["by another id", { id: { id: ["01a20173-04a0-7780-bf39-ca88bc31f384"] } }],
    ["by a part of its name", { event: { name: ["prefect.flow-run"] } }],
    ["by a name that is excluded", { event: { exclude_name: [event.event] } }],
    [
      "by a beginning that is excluded",
      { event: { prefix: ["prefect."], exclude_prefix: ["prefect.flow-run"] } },
    ],
    ["by another resource", { resource: { id: ["prefect.flow-run.2"] } }],
    ["by a label that it does not have, whatever it is not", { resource: { labels: { size: "!small" } } }],
    ["by a label without wanted values", { resource: { labels: { colour: [] } } }],
    ["by what its label is not", { resource: { labels: { colour: "!bl*" } } }],
    [
      "by conditions that two related resources share",
      { related: { id: ["prefect.flow.1"], role: ["tag"] } },
    ],
    ["by any resource that it has not", { any_resource: { id: ["prefect.flow.2"] } }],
    ["by a word that must not be there", { text: { query: "-blue" } }],
  ])("%s", (_, filter) => {
    expect(matches(filter)).toBe(false);
  });
});
