/** What an element's place on the screen says. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Elements this near to what is looked at count as looked at, too. */
const MARGIN = "300px";

/** How wide an element is, in pixels; 0 until it is known. */
export function useWidth(ref: RefObject<Element>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

/** Whether an element is on the screen, or about to be. */
export function useIsSeen(ref: RefObject<Element>): boolean {
  const [isSeen, setSeen] = useState(false);
  useLayoutEffect(() => {
    if (ref.current === null) return;
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), {
      rootMargin: MARGIN,
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return isSeen;
}
