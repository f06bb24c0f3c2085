/** An entry of a list about which there is more to say: to who points at it, touches it, or comes to a link in it. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Props {
  class: string;
  tip: string;
  /** Nothing in it can have the focus. */
  isPlain: boolean;
  children: ComponentChildren;
}

export function Tipped({ tip, isPlain, children, ...rest }: Props) {
  const id = useId();
  return (
    // A touch gives it the focus; the tab key goes to its link, where there is one.
    <li {...rest} tabIndex={isPlain ? 0 : -1} aria-describedby={id}>
      {children}
      <span class="tip" id={id} role="tooltip">
        {tip}
      </span>
    </li>
  );
}
