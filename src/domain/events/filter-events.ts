/** Which events a filter means: the same for what is stored and for what comes live (source: wire §2.9). */
import type { EventFilter, ReceivedEvent, Resource } from "../../contract/wire/events.ts";
import { matchesText, parseTextQuery } from "../journal/text-query.ts";

type Labels = Readonly<Record<string, string>>;
type Patterns = Readonly<Record<string, readonly string[]>>;

/** Tells whether an event is one of those that a filter means. */
export function matchesEvent(filter: EventFilter, event: ReceivedEvent): boolean {
  const { since, until } = filter.occurred ?? {};
  if (typeof since === "string" && event.occurred < since) return false;
  if (typeof until === "string" && event.occurred > until) return false;
  if (isWanted(filter.id?.id) && !filter.id.id.includes(event.id)) return false;
  const { prefix, exclude_prefix, name, exclude_name } = filter.event ?? {};
  if (isWanted(prefix) && !prefix.some((wanted) => event.event.startsWith(wanted))) return false;
  if (exclude_prefix?.some((unwanted) => event.event.startsWith(unwanted))) return false;
  if (isWanted(name) && !name.includes(event.event)) return false;
  if (exclude_name?.includes(event.event)) return false;
  if (filter.resource && !matchesResource(filter.resource, event.resource)) return false;
  for (const wanted of filter.related)
    if (!event.related.some((labels) => matchesRelated(wanted, labels))) return false;
  for (const wanted of filter.any_resource)
    if (![event.resource, ...event.related].some((labels) => matchesResource(wanted, labels))) return false;
  return filter.text?.query === undefined || matchesText(parseTextQuery(filter.text.query), textOf(event));
}

function isWanted<Item>(list: readonly Item[] | null | undefined): list is readonly Item[] {
  return list !== null && list !== undefined && list.length > 0;
}

function idOf(labels: Labels): string {
  return labels["prefect.resource.id"] ?? "";
}

function matchesResource(
  { id, id_prefix, labels: patterns }: Omit<NonNullable<EventFilter["any_resource"][number]>, never>,
  labels: Labels,
): boolean {
  if (isWanted(id) && !id.includes(idOf(labels))) return false;
  if (isWanted(id_prefix) && !id_prefix.some((prefix) => idOf(labels).startsWith(prefix))) return false;
  return !patterns || matchesLabels(patterns, labels);
}

/** One related resource must satisfy all conditions. */
function matchesRelated(
  { id, role, resources_in_roles, labels: patterns }: EventFilter["related"][number],
  labels: Labels,
): boolean {
  const own = labels["prefect.resource.role"] ?? "";
  if (isWanted(id) && !id.includes(idOf(labels))) return false;
  if (isWanted(role) && !role.includes(own)) return false;
  if (
    isWanted(resources_in_roles) &&
    !resources_in_roles.some(([resource, wanted]) => resource === idOf(labels) && wanted === own)
  )
    return false;
  return !patterns || matchesLabels(patterns, labels);
}

/** Each label must have one of its wanted values; an empty list of values is met by none. */
function matchesLabels(patterns: Patterns, labels: Resource): boolean {
  return Object.entries(patterns).every(([label, wanted]) =>
    wanted.some((pattern) => matchesPattern(pattern, labels[label])),
  );
}

function matchesPattern(pattern: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  const isNegated = pattern.startsWith("!");
  const wanted = isNegated ? pattern.slice(1) : pattern;
  const isMatch = wanted.endsWith("*") ? value.startsWith(wanted.slice(0, -1)) : value === wanted;
  return isMatch !== isNegated;
}

function textOf({ event, resource, related, payload }: ReceivedEvent): string {
  return [
    event,
    ...Object.values(resource),
    ...related.flatMap((labels) => Object.values(labels)),
    JSON.stringify(payload),
  ].join(" ");
}
