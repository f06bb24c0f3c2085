/** A list that has nothing in it yet, and the command that changes that. */
import type { ComponentChildren } from "preact";
import { Command } from "./command.tsx";

export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <section class="empty">
      <p>{children}</p>
      {command !== undefined && <Command text={command} />}
    </section>
  );
}
