/** Markdown that flows have written. What reads it is loaded when there is some; until then it stands there as it is. */
import { useEffect, useState } from "preact/hooks";
import type { renderMarkdown } from "./markdown-tokens.tsx";

export interface MarkdownProps {
  text: string;
  /** Of the heading above it. */
  level?: number;
}

export function Markdown({ text, level = 1 }: MarkdownProps) {
  const [render, setRender] = useState<typeof renderMarkdown>();
  useEffect(() => {
    void import("./markdown-tokens.tsx").then(
      (loaded) => setRender(() => loaded.renderMarkdown),
      // It stays as it is written.
      () => undefined,
    );
  }, []);
  return (
    <div class="markdown">
      {render === undefined ? <p class="as-written">{text}</p> : render(text, level)}
    </div>
  );
}
