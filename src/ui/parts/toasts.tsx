/** What came of an act: said for a while, and read out by screen readers. */
import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 6000;

interface Toast {
  id: number;
  text: string;
  isError: boolean;
}

let toasts: Toast[] = [];
let ids = 0;
const listeners = new Set<() => void>();

function show(next: Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function say(text: string, isError = false): void {
  ids += 1;
  const toast = { id: ids, text, isError };
  show([...toasts, toast]);
  setTimeout(() => show(toasts.filter(({ id }) => id !== toast.id)), isError ? 2 * SHOWN_MS : SHOWN_MS);
}

export function Toasts() {
  const [, setTick] = useState(0);
  useEffect(() => {
    const listener = (): void => setTick((tick) => tick + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return (
    <div class="toasts" aria-live="polite">
      {toasts.map(({ id, text, isError }) => (
        <p key={id} class={isError ? "toast error" : "toast"} role={isError ? "alert" : undefined}>
          {text}
        </p>
      ))}
    </div>
  );
}
