/**
 * Records in a table, which TanStack Table sorts: its columns say what stands in each cell, and by what. Where it is narrow
 * each record is a card, on which every cell has its heading before it.
 */
import {
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_text,
  tableFeatures,
  useTable,
  type Column as TableColumn,
  type ColumnDef,
  type RowData,
} from "@tanstack/preact-table";
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { PAGE_MAX } from "../../contract/bounds.ts";

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, text: sortFn_text },
});

export interface Column<Row> {
  /** Null where its cells are acts, which is said to screen readers only. */
  header: string | null;
  /** Sorts the records, and is shown where no `cell` is; those without it come last. */
  value?: (row: Row) => string | number | null | undefined;
  /** Part of the table, not a component: what is open in it stays open when the page makes its columns anew. */
  cell?: (row: Row) => ComponentChildren;
  class?: "wraps" | "number" | undefined;
}

interface Props<Row> {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** Tells records from each other, as their places do without it. */
  keyOf?: (row: Row) => string | number;
  classOf?: (row: Row) => string;
  /**
   * There are no others, so a click on a heading sorts them; it would sort one page of those that come by pages. Behind as
   * many as one answer has there may be more, unless all pages were read.
   */
  areAll?: boolean | "by pages";
}

export function Table<Row extends RowData>({ columns, rows, keyOf, classOf, areAll = false }: Props<Row>) {
  // A value may be what the page has learned since, which only another list makes the table read again.
  const data = useMemo(() => [...rows], [rows, columns]);
  const table = useTable({
    features,
    data,
    columns: useMemo(() => columns.map(toDefinition), [columns]),
    getRowId: (row, index) => String(keyOf?.(row) ?? index),
    enableSorting: areAll === "by pages" || (areAll && rows.length < PAGE_MAX),
    enableMultiSort: false,
    sortDescFirst: false,
  });
  return (
    <table>
      <thead>
        <tr>
          {table.getAllLeafColumns().map((column) => (
            <Head key={column.id} column={column} />
          ))}
        </tr>
      </thead>
      <tbody>
        {table.getRowModel().rows.map(({ id, original }) => (
          <tr key={id} class={classOf?.(original)}>
            {columns.map(({ header, cell, value, class: name }, index) => (
              <td key={index} class={name} data-head={header ?? undefined}>
                {cell === undefined ? value?.(original) : cell(original)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

type Definition<Row extends RowData> = ColumnDef<typeof features, Row>;

function toDefinition<Row extends RowData>({ header, value }: Column<Row>, index: number): Definition<Row> {
  return {
    id: String(index),
    header: header ?? "",
    ...(value !== undefined && { accessorFn: (row: Row) => value(row) ?? undefined, sortUndefined: "last" }),
  };
}

const SORTED = {
  asc: ["ascending", ArrowUp],
  desc: ["descending", ArrowDown],
} as const;

function Head<Row extends RowData>({ column }: { column: TableColumn<typeof features, Row> }) {
  const { header } = column.columnDef;
  const sorted = column.getCanSort() && column.getIsSorted();
  const [order, Icon] = sorted === false ? [undefined, ChevronsUpDown] : SORTED[sorted];
  return (
    <th scope="col" aria-sort={order}>
      {column.getCanSort() ? (
        <button type="button" onClick={column.getToggleSortingHandler()}>
          {header} <Icon aria-hidden="true" />
        </button>
      ) : (
        header || <span class="hidden">acts</span>
      )}
    </th>
  );
}
