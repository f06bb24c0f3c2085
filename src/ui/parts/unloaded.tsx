/**
 * Stands in for a page whose code cannot be had: the server is away, or another version of it has come whose files have
 * other names. Either way all is loaded anew once the server answers, for a browser remembers what it could not import.
 */
import { useEffect } from "preact/hooks";
import { send } from "../data/http.ts";
import { usePageTitle } from "./page-title.ts";

const RETRY_MS = 2000;
/** What fails again so soon after it was loaded anew is not tried by itself any more. */
const AGAIN_MS = 15_000;
const RELOADED_AT = "sluice.reloaded-at";

export function Unloaded() {
  usePageTitle("Not loaded");
  const isTriedAlready = Date.now() - Number(sessionStorage.getItem(RELOADED_AT) ?? 0) < AGAIN_MS;
  useEffect(() => {
    if (isTriedAlready) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void reloadOnceItAnswers();
    }, RETRY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <section class="state" role="alert">
      <h1>This page could not be loaded</h1>
      <p>
        {isTriedAlready
          ? "The server does not have it, although it answers."
          : "The server does not answer. The page is loaded as soon as it does."}{" "}
        <button type="button" onClick={() => location.reload()}>
          Try now
        </button>
      </p>
    </section>
  );
}

async function reloadOnceItAnswers(): Promise<void> {
  try {
    await send({ method: "GET", path: "/health" });
  } catch {
    return;
  }
  sessionStorage.setItem(RELOADED_AT, String(Date.now()));
  location.reload();
}
