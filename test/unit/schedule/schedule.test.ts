import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMicros, instantToMicros, parseInstant } from "../../../src/contract/instants.ts";
import type { ScheduleOut } from "../../../src/contract/wire/schedules.ts";
import { explainSchedule, nextDates } from "../../../src/domain/schedule/schedule.ts";

const micros = (text: string) => instantToMicros(parseInstant(text)!);
const FOREVER = Number.POSITIVE_INFINITY;

/** The next dates after a moment, written short: no seconds and no decimals where they are zero. */
function list(schedule: ScheduleOut, after: string, count: number, until?: string): string[] {
  return nextDates(schedule, micros(after), count, until === undefined ? FOREVER : micros(until)).map(
    (date) =>
      formatMicros(date)
        .replace(/\.000000Z$/, "Z")
        .replace(/:00Z$/, "Z"),
  );
}

const every = (interval: number, anchor_date: string, timezone: string | null = "UTC"): ScheduleOut => ({
  interval,
  anchor_date: parseInstant(anchor_date)!,
  timezone,
});
const cron = (text: string, timezone: string | null = null, day_or = true): ScheduleOut => ({
  cron: text,
  timezone,
  day_or,
});
const rrule = (text: string, timezone: string | null = "UTC"): ScheduleOut => ({ rrule: text, timezone });
const NEW_YORK = "America/New_York";
const BERLIN = "Europe/Berlin";

// New York: forward 2026-03-08 02:00 EST (07:00Z), back 2026-11-01 02:00 EDT (06:00Z).
// Berlin: forward 2026-03-29 02:00 CET (01:00Z), back 2026-10-25 03:00 CEST (01:00Z).
describe("dates", () => {
  test.each<[string, ScheduleOut, string, string[]]>([
    [
      "an interval counts from its anchor, backward too",
      every(3600, "2027-01-01T00:30:00Z"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T13:30Z", "2026-11-22T14:30Z"],
    ],
    [
      "a date at the moment itself has passed",
      every(3600, "2026-01-01T00:00:00Z"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T14:00Z"],
    ],
    [
      "microseconds of the anchor stay",
      every(600, "2026-11-22T04:06:56.799614Z"),
      "2026-11-22T04:06:56.799614Z",
      ["2026-11-22T04:16:56.799614Z"],
    ],
    [
      "an anchor of long ago costs nothing",
      every(7, "1900-01-01T00:00:00Z"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T13:00:01Z", "2026-11-22T13:00:08Z"],
    ],
    [
      "the shortest interval, and a part of a second",
      every(1.000_001, "2026-11-22T13:00:00Z"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T13:00:01.000001Z", "2026-11-22T13:00:02.000002Z"],
    ],
    [
      "a day keeps the hour of the clock over New York's spring",
      every(86_400, "2026-03-01T14:00:00Z", NEW_YORK),
      "2026-03-07T00:00:00Z",
      ["2026-03-07T14:00Z", "2026-03-08T13:00Z", "2026-03-09T13:00Z"],
    ],
    [
      "a day keeps the hour of the clock over Berlin's autumn",
      every(86_400, "2026-10-01T07:00:00Z", BERLIN),
      "2026-10-24T00:00:00Z",
      ["2026-10-24T07:00Z", "2026-10-25T08:00Z", "2026-10-26T08:00Z"],
    ],
    [
      "a day whose hour is skipped comes as late as the gap is wide, and only that day",
      every(86_400, "2026-03-01T07:30:00Z", NEW_YORK),
      "2026-03-07T00:00:00Z",
      ["2026-03-07T07:30Z", "2026-03-08T07:30Z", "2026-03-09T06:30Z"],
    ],
    [
      "hours are absolute over both changes",
      every(3600, "2026-01-01T00:00:00Z", NEW_YORK),
      "2026-11-01T04:30:00Z",
      ["2026-11-01T05:00Z", "2026-11-01T06:00Z", "2026-11-01T07:00Z"],
    ],
    [
      "a day and a half: the day by the calendar, the half by the clock's seconds",
      every(129_600, "2026-03-06T17:00:00Z", NEW_YORK),
      "2026-03-06T18:00:00Z",
      ["2026-03-08T05:00Z", "2026-03-09T16:00Z"],
    ],
    [
      "a week over a leap day",
      every(7 * 86_400, "2028-02-24T00:00:00Z"),
      "2028-02-24T00:00:00Z",
      ["2028-03-02T00:00Z"],
    ],
    ["cron in UTC", cron("15 * * * *"), "2026-11-22T13:15:00Z", ["2026-11-22T14:15Z", "2026-11-22T15:15Z"]],
    [
      "cron with seconds last",
      cron("* * * * * */20"),
      "2026-11-22T13:00:00.5Z",
      ["2026-11-22T13:00:20Z", "2026-11-22T13:00:40Z", "2026-11-22T13:01Z"],
    ],
    ["an alias", cron("@daily", NEW_YORK), "2026-11-22T13:00:00Z", ["2026-11-23T05:00Z"]],
    [
      "from a number on, in steps",
      cron("5/25 * * * *"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T13:05Z", "2026-11-22T13:30Z", "2026-11-22T13:55Z", "2026-11-22T14:05Z"],
    ],
    [
      "a range that wraps",
      cron("0 0 * * FRI-MON"),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T00:00Z", "2026-11-27T00:00Z", "2026-11-28T00:00Z", "2026-11-29T00:00Z"],
    ],
    [
      "hours that wrap",
      cron("0 22-1 * * *"),
      "2026-11-22T13:00:00Z",
      [
        "2026-11-22T22:00Z",
        "2026-11-22T23:00Z",
        "2026-11-23T00:00Z",
        "2026-11-23T01:00Z",
        "2026-11-23T22:00Z",
      ],
    ],
    [
      "either day field",
      cron("0 0 13 * 5"),
      "2026-11-10T13:00:00Z",
      ["2026-11-13T00:00Z", "2026-11-20T00:00Z"],
    ],
    ["both day fields", cron("0 0 13 * 5", null, false), "2026-11-14T13:00:00Z", ["2027-08-13T00:00Z"]],
    ["the last day of months", cron("0 12 L * *"), "2028-01-31T13:00:00Z", ["2028-02-29T12:00Z"]],
    ["leap days", cron("0 0 29 2 *"), "2026-11-22T13:00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
    ["a 31st skips short months", cron("0 0 31 * *"), "2026-03-31T01:00:00Z", ["2026-05-31T00:00Z"]],
    [
      "a local time in New York's gap runs once, an hour later",
      cron("30 2 * * *", NEW_YORK),
      "2026-03-07T12:00:00Z",
      ["2026-03-08T07:30Z", "2026-03-09T06:30Z"],
    ],
    [
      "a local time in Berlin's gap, asked from within the hour behind it",
      cron("30 2 * * *", BERLIN),
      "2026-03-29T01:10:00Z",
      ["2026-03-29T01:30Z", "2026-03-30T00:30Z"],
    ],
    [
      "a local time in New York's overlap runs once, the first time",
      cron("30 1 * * *", NEW_YORK),
      "2026-10-31T12:00:00Z",
      ["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ],
    [
      "a local time in Berlin's overlap, asked between its two moments",
      cron("30 2 * * *", BERLIN),
      "2026-10-25T00:45:00Z",
      ["2026-10-26T01:30Z"],
    ],
    [
      "half hours over New York's gap: no date twice, all in order",
      cron("*/30 * * * *", NEW_YORK),
      "2026-03-08T06:15:00Z",
      ["2026-03-08T06:30Z", "2026-03-08T07:00Z", "2026-03-08T07:30Z", "2026-03-08T08:00Z"],
    ],
    [
      "half hours over Berlin's overlap: the second hour is no local time of its own",
      cron("*/30 * * * *", BERLIN),
      "2026-10-25T00:15:00Z",
      ["2026-10-25T00:30Z", "2026-10-25T02:00Z"],
    ],
    [
      "a rule without its name, dates as walls",
      rrule("DTSTART:20200101T090000\nFREQ=DAILY", NEW_YORK),
      "2026-03-07T12:00:00Z",
      ["2026-03-07T14:00Z", "2026-03-08T13:00Z"],
    ],
    [
      "a rule without a start begins in 2020",
      rrule("FREQ=WEEKLY;BYDAY=MO"),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T00:00Z", "2026-11-30T00:00Z"],
    ],
    [
      "a zone in the text gives way to the schedule's",
      rrule("DTSTART;TZID=Asia/Tokyo:20200101T090000 RRULE:FREQ=DAILY", BERLIN),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T08:00Z"],
    ],
    [
      "the last working day of months",
      rrule("RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
      "2026-11-22T13:00:00Z",
      ["2026-11-30T00:00Z", "2026-12-31T00:00Z", "2027-01-29T00:00Z"],
    ],
    [
      "several rules, dates and exceptions",
      rrule(
        "DTSTART:20260101T000000\nRRULE:FREQ=DAILY\nRRULE:FREQ=DAILY;BYHOUR=5\nRDATE:20261123T113000\nEXDATE:20261123T000000\nEXRULE:FREQ=MONTHLY;BYMONTHDAY=24",
      ),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T05:00Z", "2026-11-23T11:30Z", "2026-11-24T05:00Z", "2026-11-25T00:00Z"],
    ],
    [
      "a rule that ends by count",
      rrule("DTSTART:20261120T000000\nRRULE:FREQ=DAILY;COUNT=5"),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T00:00Z", "2026-11-24T00:00Z"],
    ],
    [
      "a rule that ends by a wall",
      rrule("DTSTART:20261120T000000\nRRULE:FREQ=DAILY;UNTIL=20261123", NEW_YORK),
      "2026-11-22T13:00:00Z",
      ["2026-11-23T05:00Z"],
    ],
    [
      "a rule of leap days, far beyond the windows",
      rrule("DTSTART:20200229T000000\nRRULE:FREQ=YEARLY"),
      "2026-11-22T13:00:00Z",
      ["2028-02-29T00:00Z", "2032-02-29T00:00Z"],
    ],
    [
      "a rule in the gap and in the overlap runs once",
      rrule("DTSTART:20260301T023000\nRRULE:FREQ=DAILY;BYHOUR=1,2", NEW_YORK),
      "2026-03-08T04:00:00Z",
      ["2026-03-08T06:30Z", "2026-03-08T07:30Z", "2026-03-09T05:30Z"],
    ],
    [
      "seconds since 2020",
      rrule("FREQ=SECONDLY;INTERVAL=7"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T13:00:06Z", "2026-11-22T13:00:13Z"],
    ],
    [
      "the last of many hours since 2020",
      rrule("DTSTART:20200101T000000\nFREQ=HOURLY;COUNT=60423"),
      "2026-11-22T13:00:00Z",
      ["2026-11-22T14:00Z"],
    ],
    [
      "the last of a hundred thousand minutes",
      rrule("DTSTART:20260901T000000\nFREQ=MINUTELY;INTERVAL=1;COUNT=100000"),
      "2026-11-09T10:38:30Z",
      ["2026-11-09T10:39Z"],
    ],
    ["cron on February 30th never fires", cron("0 0 30 2 *"), "2026-11-22T13:00:00Z", []],
    ["no schedule never fires", {}, "2026-11-22T13:00:00Z", []],
  ])("%s", (_name, schedule, after, wanted) => {
    expect(explainSchedule(schedule)).toBeUndefined();
    // One more where the schedule may have ended: it must not go on.
    const isEnded = wanted.length === 0 || /COUNT|UNTIL/.test(JSON.stringify(schedule));
    expect(list(schedule, after, isEnded ? wanted.length + 1 : wanted.length)).toEqual(wanted);
  });

  test("nothing lies behind the end that was asked for", () => {
    expect(list(cron("0 * * * *"), "2026-11-22T13:30:00Z", 100, "2026-11-22T15:00:00Z")).toEqual([
      "2026-11-22T14:00Z",
      "2026-11-22T15:00Z",
    ]);
  });
});

describe("what cannot be used says why", () => {
  test.each<[string, ScheduleOut, RegExp]>([
    ["a number out of range", cron("61 * * * *"), /Invalid cron string "61 \* \* \* \*".*61/],
    ["words", cron("every day"), /five or six fields/],
    ["seven fields", cron("0 0 0 0 0 0 0"), /five or six fields/],
    ["an unknown alias", cron("@reboot"), /unknown alias/],
    ["an instant", cron("2026-12-01T00:00:00Z"), /five or six fields/],
    ["an unknown zone", cron("* * * * *", "Mars/Olympus"), /Unknown timezone "Mars\/Olympus"/],
    ["an offset for a zone", cron("* * * * *", "+05:00"), /Unknown timezone/],
    ["an unknown frequency", rrule("FREQ=FORTNIGHTLY"), /Invalid RRule string/],
    ["a day that no year has", rrule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), /never fires/],
    ["a week that no June has", rrule("FREQ=HOURLY;BYWEEKNO=53;BYMONTH=6"), /never fires/],
    ["an end before the start", rrule("DTSTART:20260101\nRRULE:FREQ=DAILY;UNTIL=20251231"), /never fires/],
    ["an unknown part", rrule("FREQ=DAILY;BYMOON=3"), /BYMOON=3/],
    ["a month out of range", rrule("FREQ=DAILY;BYMONTH=13"), /out of range/],
    ["a step of nothing", rrule("FREQ=DAILY;INTERVAL=0"), /out of range/],
    ["a start that is no date", rrule("DTSTART:20260230T000000\nRRULE:FREQ=DAILY"), /20260230T000000/],
    ["an empty text", rrule("\n"), /neither a rule nor a date/],
    ["an interval of a millisecond", every(0.001, "2026-01-01T00:00:00Z"), /at least one second/],
    [
      "a number of dates that nobody can count",
      rrule(`FREQ=MINUTELY;COUNT=100000000;BYSECOND=${Array.from({ length: 60 }, (_, i) => i).join(",")}`),
      /COUNT takes too many steps.*UNTIL/,
    ],
    ["a number of dates too far to count", rrule("FREQ=HOURLY;COUNT=100000;BYHOUR=9,10,11"), /UNTIL/],
    ["an anchor before the calendar", every(60, "1600-01-01T00:00:00Z"), /1700/],
  ])("%s", (_name, schedule, wanted) => {
    expect(explainSchedule(schedule)).toMatch(wanted);
  });
});

const zones = ["UTC", NEW_YORK, BERLIN, "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"];
const schedules = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 400_000 }), fc.constantFrom(...zones))
    .map(([seconds, zone]) => every(seconds, "2025-06-01T10:20:30.5Z", zone)),
  fc
    .tuple(
      fc.constantFrom("*/7 * * * *", "30 1,2,3 * * *", "0 */2 * * 1-5", "59 23 L * *", "15 2 * * 0"),
      fc.constantFrom(...zones),
    )
    .map(([text, zone]) => cron(text, zone)),
  fc
    .tuple(
      fc.constantFrom("FREQ=HOURLY", "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=30", "FREQ=MINUTELY;INTERVAL=11"),
      fc.constantFrom(...zones),
    )
    .map(([text, zone]) => rrule(text, zone)),
);

test("dates rise strictly and do not depend on from where one looks", () => {
  fc.assert(
    fc.property(
      schedules,
      // Around both changes of 2026 in most zones, and anywhere else.
      fc.oneof(
        fc.integer({ min: micros("2026-03-07T00:00:00Z"), max: micros("2026-04-06T00:00:00Z") }),
        fc.integer({ min: micros("2026-10-03T00:00:00Z"), max: micros("2026-11-02T00:00:00Z") }),
        fc.integer({ min: micros("2026-01-01T00:00:00Z"), max: micros("2027-01-01T00:00:00Z") }),
      ),
      (schedule, after) => {
        const dates = nextDates(schedule, after, 12, FOREVER);
        expect(dates.length).toBe(12);
        for (const [index, date] of dates.entries()) {
          const before = index === 0 ? after : dates[index - 1]!;
          expect(date).toBeGreaterThan(before);
          expect(nextDates(schedule, before, 1, FOREVER)).toEqual([date]);
          expect(nextDates(schedule, date - 1, 1, FOREVER)).toEqual([date]);
        }
      },
    ),
    { numRuns: 150 },
  );
});
