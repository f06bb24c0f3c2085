/** Times as people say them, exact in the viewer's own zone on hover, and moving on by themselves. */
import { useEffect, useState } from "preact/hooks";
import { serverClock } from "../data/server-clock.ts";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const clockOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const short = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time of now by the server's clock, which wrote what is shown; each second anew while the tab is looked at. */
export function useNow(): number {
  const [now, setNow] = useState(() => serverClock.now());
  useEffect(() => {
    const listener = (): void => setNow(serverClock.now());
    listeners.add(listener);
    timer ??= setInterval(() => {
      if (document.visibilityState === "visible") for (const each of listeners) each();
    }, 1000);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

/** `42 s`, `3 min 5 s`, `2 h 10 min`, `5 d 3 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

export function formatExact(at: string): string {
  return exact.format(new Date(at));
}

/** The time of day to the second, or to the minute; of milliseconds since the epoch. */
export function formatClock(ms: number, isToTheMinute = false): string {
  return (isToTheMinute ? clockOfDay : clock).format(ms);
}

/** The time of day to the second, of another day with its date. */
export function formatMoment(at: string): string {
  const moment = new Date(at);
  const isToday = moment.toDateString() === new Date(serverClock.now()).toDateString();
  return (isToday ? clock : dayAndClock).format(moment);
}

/** `Mon, 30 Nov, 06:00` */
export function formatShort(at: string): string {
  return short.format(new Date(at));
}

/** The exact time in the viewer's zone; how far away it is on hover. */
export function ExactTime({ at }: { at: string }) {
  const seconds = (Date.parse(at) - useNow()) / 1000;
  return (
    <time
      dateTime={at}
      title={seconds >= 0 ? `in ${formatDuration(seconds)}` : `${formatDuration(-seconds)} ago`}
    >
      {formatExact(at)}
    </time>
  );
}

/** How long ago, or in how long. */
export function When({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null) return <>never</>;
  const seconds = (now - Date.parse(at)) / 1000;
  // Clocks differ, and the server's may be a little ahead.
  const text =
    Math.abs(seconds) < 1
      ? "just now"
      : seconds >= 0
        ? `${formatDuration(seconds)} ago`
        : `in ${formatDuration(-seconds)}`;
  return (
    <time dateTime={at} title={formatExact(at)}>
      {text}
    </time>
  );
}

/** In how long something is due, or how late it is. */
export function Due({ at }: { at: string | null }) {
  const now = useNow();
  if (at === null || Date.parse(at) >= now) return <When at={at} />;
  return (
    <time dateTime={at} title={formatExact(at)}>
      late by {formatDuration((now - Date.parse(at)) / 1000)}
    </time>
  );
}

/** For how long something has gone on, with the seconds `before` that. */
export function Since({ at, before = 0 }: { at: string; before?: number }) {
  const now = useNow();
  return (
    <time dateTime={at} title={`since ${formatExact(at)}`}>
      {formatDuration(before + Math.max(0, now - Date.parse(at)) / 1000)}
    </time>
  );
}
