/** Sets how many runs of a pool or of a queue may be under way at a time. */
import { beginSentence, countOf } from "../data/preview.ts";
import { sayBegins, Unforeseen, useChangePreview, type PoolPart } from "./change-preview.tsx";
import { SetSize } from "./set-size.tsx";

interface Props extends PoolPart {
  /** Whose limit it is. */
  of: string;
  path: string;
  current: number | null;
}

export function SetRunLimit({ of, path, current, ...rest }: Props) {
  return (
    <SetSize
      label="Set its limit"
      title={`Set the limit of ${of}`}
      of={of}
      unit="Runs at a time"
      current={current}
      isOptional
      path={path}
      field="concurrency_limit"
      preview={(size) => <Limited size={size} {...rest} />}
    />
  );
}

function Limited({ size, ...of }: PoolPart & { size: number | null }) {
  const preview = useChangePreview(of, { concurrency_limit: size });
  if (preview.value === undefined) return <Unforeseen query={preview} />;
  const { active, over } = preview.value;
  if (over === 0) return <>{sayBegins(preview.value)}</>;
  return (
    <>
      {beginSentence(countOf(active, "run"))} under way, so {over} would be over the limit until{" "}
      {over === 1 ? "it ends" : "they end"}; no other begins before.
    </>
  );
}
