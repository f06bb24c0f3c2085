/** Says when what is shown may be out of date. */
import { WifiOff } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { listen, liveState } from "../data/live.ts";

/** A reconnect that is quicker is not worth a word. */
const SILENT_MS = 1500;

export function LiveBanner() {
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      clearTimeout(timer);
      if (isLive()) setLost(false);
      else timer = setTimeout(() => setLost(!isLive()), SILENT_MS);
    };
    look();
    const leave = listen({ onState: look });
    return () => {
      leave();
      clearTimeout(timer);
    };
  }, []);
  return (
    <div class="banner" role="status" hidden={!isLost}>
      <WifiOff aria-hidden="true" /> The connection to the server is lost. What you see may be out of date; it
      catches up by itself.
    </div>
  );
}

/** Who is asked for the key sees nothing that could be out of date. */
const isLive = (): boolean => liveState() === "open" || liveState() === "refused";
