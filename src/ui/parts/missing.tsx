/** What is not there, and what to do about it. */
import type { ComponentChildren } from "preact";

export function Missing({ what, children }: { what?: string; children?: ComponentChildren }) {
  return (
    <section class="state">
      <h1>{what ?? "There is no such page"}</h1>
      {children ?? (
        <p>
          <a href="/">Go to the machines</a>
        </p>
      )}
    </section>
  );
}
