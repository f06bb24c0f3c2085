/** What is typed, as it counts. */
import { useEffect, useState } from "preact/hooks";

/** Who types is not answered at each letter. */
const SETTLED_MS = 250;

/** A text once nobody has changed it for a moment. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
