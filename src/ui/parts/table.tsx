/** A table with a row of headings; a heading that is null is for acts, and said to screen readers only. */
import type { ComponentChildren } from "preact";

export function Table({
  heads,
  children,
}: {
  heads: readonly (string | null)[];
  children: ComponentChildren;
}) {
  return (
    <table>
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head}>{head ?? <span class="hidden">acts</span>}</th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
