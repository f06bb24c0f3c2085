/**
 * A table with a row of headings; a heading that is null is for acts, and said to screen readers only. Where it is narrow
 * each row is a card, on which every cell has its heading before it.
 */
import { cloneElement, isValidElement, toChildArray, type ComponentChildren, type VNode } from "preact";

type Head = string | null;

export function Table({ heads, children }: { heads: readonly Head[]; children: ComponentChildren }) {
  return (
    <table>
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head} scope="col">
              {head ?? <span class="hidden">acts</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{toChildArray(children).map((row) => nameCells(row, heads))}</tbody>
    </table>
  );
}

function nameCells(row: ComponentChildren, heads: readonly Head[]): ComponentChildren {
  if (!isValidElement(row) || row.type !== "tr") return row;
  const { children } = row.props as { children?: ComponentChildren };
  const cells = toChildArray(children).map((cell, index) =>
    isValidElement(cell) ? cloneElement(cell as VNode<object>, { "data-head": heads[index] ?? "" }) : cell,
  );
  return cloneElement(row as VNode<object>, {}, cells);
}
