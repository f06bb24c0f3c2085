/** What came of an act: said for a while, and read out by screen readers. */
import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 6000;

interface Toast {
  id: number;
  text: string;
  isError: boolean;
}

/** Where toasts are shown. */
interface Place {
  /** What was said by then is shown behind it. */
  since: number;
  draw: () => void;
}

let toasts: Toast[] = [];
let ids = 0;
/** That of the page, and before it that of a dialog: nobody is told what is said beside one. */
const places: Place[] = [];

function show(next: Toast[]): void {
  toasts = next;
  for (const { draw } of places) draw();
}

export function say(text: string, isError = false): void {
  ids += 1;
  const toast = { id: ids, text, isError };
  show([...toasts, toast]);
  setTimeout(() => show(toasts.filter(({ id }) => id !== toast.id)), isError ? 2 * SHOWN_MS : SHOWN_MS);
}

export function Toasts() {
  const [, setTick] = useState(0);
  const [place] = useState<Place>(() => ({ since: ids, draw: () => setTick((tick) => tick + 1) }));
  useEffect(() => {
    places.push(place);
    return () => {
      places.splice(places.indexOf(place), 1);
      // What was said there goes on to be said behind it.
      show(toasts);
    };
  }, []);
  const until = places[places.indexOf(place) + 1]?.since ?? Infinity;
  return (
    <div class="toasts" aria-live="polite">
      {toasts
        .filter(({ id }) => id > place.since && id <= until)
        .map(({ id, text, isError }) => (
          <p key={id} class={isError ? "toast error" : "toast"} role={isError ? "alert" : undefined}>
            {text}
          </p>
        ))}
    </div>
  );
}
