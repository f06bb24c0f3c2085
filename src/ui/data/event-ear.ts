/**
 * Hears on a socket of its own when events come: the object that keeps them is the one that tells of changes, and cannot
 * be watched itself. What has come is asked for again, so that the list is one answer, however it was told.
 */
import { useEffect } from "preact/hooks";
import { readKey, type Request } from "./http.ts";
import { touch } from "./query.ts";

/** While somebody types a filter no socket is opened. */
const SETTLE_MS = 400;
const RETRY_MS = 3000;

/** As long as it is used, `request` is asked again whenever an event of `filter` comes. */
export function useEventEar(request: Request, filter: object): void {
  const key = JSON.stringify([request, filter]);
  useEffect(() => {
    let socket: WebSocket | undefined;
    let timer = setTimeout(open, SETTLE_MS);
    function open(): void {
      const url = new URL("/api/events/out", location.href);
      url.protocol = url.protocol.replace("http", "ws");
      const opened = new WebSocket(url, "prefect");
      socket = opened;
      opened.addEventListener("open", () => opened.send(JSON.stringify({ type: "auth", token: readKey() })));
      opened.addEventListener("message", ({ data }) => {
        const { type } = JSON.parse(String(data)) as { type?: string };
        if (type === "auth_success") opened.send(JSON.stringify({ type: "filter", filter }));
        else if (type === "event") touch(request);
      });
      opened.addEventListener("close", () => {
        if (socket !== opened) return;
        timer = setTimeout(open, RETRY_MS);
      });
    }
    return () => {
      clearTimeout(timer);
      const last = socket;
      socket = undefined;
      last?.close();
    };
  }, [key]);
}
