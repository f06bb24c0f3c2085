/** The buttons below a list that goes by pages. */
export function Pager({
  of,
  onNewer,
  onOlder,
  words = ["Back", "More"],
}: {
  /** What the pages are of. */
  of: string;
  onNewer: (() => void) | undefined;
  onOlder: (() => void) | undefined;
  words?: readonly [back: string, on: string];
}) {
  if (onNewer === undefined && onOlder === undefined) return null;
  return (
    <nav class="pager" aria-label={`Pages of ${of}`}>
      {onNewer !== undefined && (
        <button type="button" onClick={onNewer}>
          {words[0]}
        </button>
      )}
      {onOlder !== undefined && (
        <button type="button" onClick={onOlder}>
          {words[1]}
        </button>
      )}
    </nav>
  );
}
