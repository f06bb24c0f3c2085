/**
 * Stands in for a page whose code cannot be had: the server is away, or another version of it has come whose files have
 * other names. Either way all is loaded anew once the server answers, for a browser remembers what it could not import.
 */
import { useEffect, useState } from "preact/hooks";
import { send } from "../data/http.ts";
import { usePageTitle } from "./page-title.ts";

/** It is tried so soon, and then less and less often. */
const RETRY_MS_MIN = 2000;
const RETRY_MS_MAX = 60_000;
/** What fails so soon after it was loaded anew fails for the same reason as before. */
const AGAIN_MS = 15_000;
/** When it was loaded anew, and how long that was waited for. */
const RELOADED = "sluice.reloaded";

export function Unloaded() {
  usePageTitle("Not loaded");
  const [waitMs] = useState(readWait);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void reloadOnceItAnswers(waitMs);
    }, waitMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class="state" role="alert">
      <h1>This page could not be loaded</h1>
      <p>
        {waitMs > RETRY_MS_MIN
          ? "The server did not send it, although it answers. It is tried again by itself, less and less often."
          : "The server does not answer. The page is loaded as soon as it does."}{" "}
        <button type="button" onClick={() => location.reload()}>
          Try now
        </button>
      </p>
    </section>
  );
}

/** How long until all is loaded anew: twice as long as the last time, where that did not help. */
function readWait(): number {
  const [at = 0, waited = 0] = JSON.parse(sessionStorage.getItem(RELOADED) ?? "[]") as number[];
  return Date.now() - at < AGAIN_MS ? Math.min(RETRY_MS_MAX, waited * 2) : RETRY_MS_MIN;
}

async function reloadOnceItAnswers(waitedMs: number): Promise<void> {
  try {
    await send({ method: "GET", path: "/health" });
  } catch {
    return;
  }
  sessionStorage.setItem(RELOADED, JSON.stringify([Date.now(), waitedMs]));
  location.reload();
}
