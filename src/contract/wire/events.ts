/** Events, their filters and counts. Source of the fields: Prefect's `Event` and `EventFilter`, wire §2.9, §4.8. */
import { z } from "zod";
import { Id, InstantIn, InstantOut } from "./common.ts";
import type { Instant } from "../instants.ts";

/** Source of the bounds: Prefect's settings for events. */
const EVENT_NAME_CHARACTERS_MAX = 1024;
const LABELS_MAX = 500;
const RELATED_MAX = 100;
/** An event of more characters than this is dropped, as Prefect's server does. */
export const EVENT_CHARACTERS_MAX = 1_500_000;
/** Events of one page. */
export const EVENTS_PAGE_MAX = 50;

const lowerId = Id.transform((id) => id.toLowerCase());

/** Labels of a thing that an event is about; `prefect.resource.id` says which. */
export const Resource = z
  .record(z.string(), z.string())
  .refine((labels) => (labels["prefect.resource.id"] ?? "") !== "", {
    error: "Resources must include the prefect.resource.id label",
  })
  .refine((labels) => Object.keys(labels).length <= LABELS_MAX, {
    error: `The maximum number of labels per resource is ${LABELS_MAX}`,
  });
export type Resource = z.infer<typeof Resource>;
const RelatedResource = Resource.refine((labels) => (labels["prefect.resource.role"] ?? "") !== "", {
  error: "Related Resources must include the prefect.resource.role label",
});

/** An event as clients send it. */
export const Event = z.object({
  occurred: InstantIn,
  event: z.string().min(1).max(EVENT_NAME_CHARACTERS_MAX),
  resource: Resource,
  related: z.array(RelatedResource).max(RELATED_MAX).default([]),
  payload: z.record(z.string(), z.unknown()).default({}),
  id: lowerId,
  follows: lowerId.nullish().transform((id) => id ?? null),
});
export type Event = z.output<typeof Event>;

/** An event as it is stored and sent out. */
export const ReceivedEvent = z.object({
  occurred: InstantOut,
  event: z.string(),
  resource: z.record(z.string(), z.string()),
  related: z.array(z.record(z.string(), z.string())),
  payload: z.record(z.string(), z.unknown()),
  id: Id,
  follows: Id.nullable(),
  received: InstantOut,
});
export type ReceivedEvent = z.infer<typeof ReceivedEvent>;

const texts = z.array(z.string()).nullish();
/** Label -> wanted values; a value may begin with `!` (not) and end with `*` (whatever follows). */
const LabelPatterns = z.record(
  z.string(),
  z
    .union([z.string(), z.array(z.string())])
    .transform((values) => (typeof values === "string" ? [values] : values)),
);
const RelatedFilter = z.strictObject({
  id: texts,
  role: texts,
  resources_in_roles: z.array(z.tuple([z.string(), z.string()])).nullish(),
  labels: LabelPatterns.nullish(),
});
const AnyResourceFilter = z.strictObject({ id: texts, id_prefix: texts, labels: LabelPatterns.nullish() });
const oneOrMany = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .union([schema, z.array(schema)])
    .nullish()
    .transform((given): z.output<Schema>[] =>
      given === null || given === undefined ? [] : Array.isArray(given) ? given : [given],
    );

/** Which events are meant. Empty lists mean no condition, unlike in the filters of runs. */
export const EventFilter = z.strictObject({
  occurred: z.strictObject({ since: InstantIn.nullish(), until: InstantIn.nullish() }).nullish(),
  event: z.strictObject({ prefix: texts, exclude_prefix: texts, name: texts, exclude_name: texts }).nullish(),
  resource: z
    .strictObject({
      id: texts,
      id_prefix: texts,
      labels: LabelPatterns.nullish(),
      distinct: z.boolean().nullish(),
    })
    .nullish(),
  related: oneOrMany(RelatedFilter),
  any_resource: oneOrMany(AnyResourceFilter),
  id: z.strictObject({ id: z.array(lowerId).nullish() }).nullish(),
  text: z.strictObject({ query: z.string().max(200) }).nullish(),
  order: z.enum(["ASC", "DESC"]).nullish(),
});
export type EventFilter = z.output<typeof EventFilter>;

export const EventCount = z.object({
  value: z.string(),
  label: z.string(),
  count: z.int(),
  start_time: InstantOut,
  end_time: InstantOut,
});
export type EventCount = z.infer<typeof EventCount>;

export const COUNTABLES = ["day", "time", "event", "resource"] as const;
export type Countable = (typeof COUNTABLES)[number];
export const TIME_UNITS = ["week", "day", "hour", "minute", "second"] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

/** Where a page of events ended: the next one goes on behind this event. */
export const EventPlace = z.tuple([InstantIn, lowerId]);
export type EventPlace = [occurred: Instant, id: string];
