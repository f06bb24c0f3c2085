/** `/events`: stored, found, counted, and the sockets on which they come and go (source: wire §2.9, §4.8). */
import { z } from "zod";
import { addressOfHub } from "../../contract/envelope.ts";
import { formatInstant } from "../../contract/instants.ts";
import {
  COUNTABLES,
  Event,
  EventCount,
  EventFilter,
  EventPlace,
  EVENTS_PAGE_MAX,
  ReceivedEvent,
  TIME_UNITS,
} from "../../contract/wire/events.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describe } from "../documents.ts";
import { acceptHubSocket } from "../hub-socket.ts";
import { body, query } from "../validation.ts";

const tag = "Events";
const BATCH_EVENTS_MAX = 1000;
const DAY_MS = 86_400_000;
/** How far back an events filter goes that names no time (source: Prefect's `EventOccurredFilter`). */
const SINCE_DEFAULT_MS = 180 * DAY_MS;

const EventPage = z.object({
  events: z.array(ReceivedEvent),
  total: z.int(),
  next_page: z.url().nullable(),
});
const EventsFilter = z.object({
  filter: EventFilter.nullish(),
  limit: z
    .int()
    .min(0)
    .max(EVENTS_PAGE_MAX)
    .nullish()
    .transform((limit) => limit ?? EVENTS_PAGE_MAX),
});
/** With more weeks than these, stretches of time would begin before the year 1. */
const TIME_INTERVAL_MAX = 10_000;
const CountBody = z.object({
  filter: EventFilter.nullish(),
  time_unit: z
    .enum(TIME_UNITS)
    .nullish()
    .transform((unit) => unit ?? "day"),
  time_interval: z
    .number()
    .min(0.01)
    .max(TIME_INTERVAL_MAX)
    .nullish()
    .transform((interval) => interval ?? 1),
});
/** Where a page ended, with all that the next one needs. */
const PageToken = z.strictObject({
  filter: z.unknown(),
  limit: z.int().min(0).max(EVENTS_PAGE_MAX),
  total: z.int(),
  after: EventPlace,
});
const NextQuery = z.object({ "page-token": z.string() });

const NO_FILTER: EventFilter = { related: [], any_resource: [] };

export const events = factory
  .createApp()
  .get(
    "/in",
    describe({
      summary: "A socket on which a client sends events, one a frame.",
      tag,
      answers: { 101: null },
      refuses: ["bad_request"],
    }),
    (c) => acceptHubSocket(c, "events-in"),
  )
  .get(
    "/out",
    describe({
      summary: "A socket on which the events that a filter wants arrive as they happen.",
      tag,
      answers: { 101: null },
      refuses: ["bad_request"],
    }),
    (c) => acceptHubSocket(c, "events-out"),
  )
  .post(
    "/",
    describe({ summary: "Record events.", tag, answers: { 204: null } }),
    body(z.array(Event).max(BATCH_EVENTS_MAX)),
    async (c) => {
      const wanted = c.req.valid("json");
      if (wanted.length > 0) await call(c, hubOf(c), "write_events", { events: wanted });
      return c.body(null, 204);
    },
  )
  .post(
    "/filter",
    describe({
      summary: "Find events, page by page.",
      tag,
      description: "`next_page` is the address of the next page. `total` counts at most 50 000 events.",
      answers: { 200: EventPage },
    }),
    body(EventsFilter),
    async (c) => {
      const { filter, limit } = c.req.valid("json");
      const wanted = withTimes(filter ?? NO_FILTER);
      const page = await call(c, hubOf(c), "filter_events", { filter: wanted, limit, after: null });
      return c.json(present(c, page, { filter: wanted, limit, total: page.total }));
    },
  )
  .get(
    "/filter/next",
    describe({
      summary: "Read the next page of events.",
      tag,
      answers: { 200: EventPage },
      refuses: ["forbidden"],
    }),
    query(NextQuery),
    async (c) => {
      const token = readToken(c.req.valid("query")["page-token"]);
      const filter = EventFilter.safeParse(token?.filter);
      if (token === undefined || !filter.success)
        return fail("forbidden", "This is not a page token of ours.");
      const { limit, total, after } = token;
      const page = await call(c, hubOf(c), "filter_events", { filter: filter.data, limit, after });
      return c.json(present(c, page, { filter: filter.data, limit, total }));
    },
  )
  .post(
    "/count-by/:countable{day|time|event|resource}",
    describe({
      summary: "Count events by day, time, name or resource.",
      tag,
      answers: { 200: z.array(EventCount) },
    }),
    body(CountBody),
    async (c) => {
      const { filter: given, time_unit, time_interval } = c.req.valid("json");
      const filter = withTimes(given ?? NO_FILTER);
      const countable = COUNTABLES.find((name) => name === c.req.param("countable")) ?? "day";
      const { since, until } = filter.occurred;
      const count = { countable, time_unit, time_interval, since, until };
      return c.json(await call(c, hubOf(c), "count_events", { filter, count }));
    },
  );

function hubOf(c: ApiContext) {
  return addressOfHub(c.get("workspace"));
}

/** A question means a time, so that its next page means the same. */
function withTimes(filter: EventFilter): EventFilter & { occurred: { since: string; until: string } } {
  const now = Date.now();
  const since = filter.occurred?.since ?? formatInstant(Math.floor(now / DAY_MS) * DAY_MS - SINCE_DEFAULT_MS);
  return { ...filter, occurred: { since, until: filter.occurred?.until ?? formatInstant(now) } };
}

function present(
  c: ApiContext,
  page: { events: ReceivedEvent[]; next: EventPlace | null },
  question: { filter: EventFilter; limit: number; total: number },
): z.infer<typeof EventPage> {
  const { origin } = new URL(c.req.url);
  const token = page.next === null ? null : encodeToken({ ...question, after: page.next });
  return {
    events: page.events,
    total: question.total,
    next_page: token === null ? null : `${origin}/api/events/filter/next?page-token=${token}`,
  };
}

function encodeToken(token: z.input<typeof PageToken>): string {
  const text = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(token)));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_");
}

function readToken(text: string): z.output<typeof PageToken> | undefined {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return PageToken.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}
