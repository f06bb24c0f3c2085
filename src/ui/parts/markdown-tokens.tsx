/**
 * Markdown as elements, made from its tokens one by one: what nobody here makes an element of cannot come to be one.
 * HTML is shown as it is written, links lead only where links may, and pictures are links, for nothing is fetched from
 * elsewhere.
 */
import { lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { Fragment, h, type ComponentChildren } from "preact";

/** Longer texts would keep the page busy: they are shown as they are written. */
const CHARACTERS_MAX = 200_000;
const DEPTH_MAX = 40;

/** `level`: of the heading above; headings of the text are below it, and none is left out. */
export function renderMarkdown(text: string, level: number): ComponentChildren {
  if (text.length > CHARACTERS_MAX) return <p class="as-written">{text}</p>;
  const tokens = readTokens(text);
  if (tokens === undefined) return <p class="as-written">{text}</p>;
  let last = level;
  return tokens.map((token, index) => {
    if (token.type !== "heading") return <Fragment key={index}>{renderToken(token, 0)}</Fragment>;
    const { depth, tokens } = token as Tokens.Heading;
    last = Math.min(level + depth, last + 1, 6);
    return h(`h${last}`, { key: index }, renderAll(tokens, 0));
  });
}

/** Undefined: it is nested too deep to be read. */
function readTokens(text: string): Token[] | undefined {
  try {
    return lexer(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function renderAll(tokens: readonly Token[] | undefined, depth: number): ComponentChildren {
  return (tokens ?? []).map((token, index) => (
    <Fragment key={index}>{renderToken(token, depth + 1)}</Fragment>
  ));
}

function renderToken(given: Token, depth: number): ComponentChildren {
  const token = given as MarkedToken;
  if (depth > DEPTH_MAX) return token.raw;
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "paragraph":
      return <p>{renderAll(token.tokens, depth)}</p>;
    case "heading":
      return (
        <p>
          <strong>{renderAll(token.tokens, depth)}</strong>
        </p>
      );
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{renderAll(token.tokens, depth)}</blockquote>;
    case "list":
      return <List list={token} depth={depth} />;
    case "table":
      return <Rows table={token} depth={depth} />;
    case "hr":
      return <hr />;
    case "br":
      return <br />;
    case "strong":
    case "em":
    case "del":
      return h(token.type, null, renderAll(token.tokens, depth));
    case "codespan":
      return <code>{token.text}</code>;
    case "link":
      return <Link href={token.href}>{renderAll(token.tokens, depth)}</Link>;
    case "image":
      return <Link href={token.href}>{token.text === "" ? "a picture" : `picture: ${token.text}`}</Link>;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "text":
      return token.tokens === undefined ? decode(token.text) : renderAll(token.tokens, depth);
    case "escape":
      return token.text;
    default:
      return token.raw;
  }
}

function List({ list: { ordered, start, items }, depth }: { list: Tokens.List; depth: number }) {
  const children = items.map((item, index) => <li key={index}>{renderAll(item.tokens, depth)}</li>);
  return ordered ? <ol start={Number(start) || 1}>{children}</ol> : <ul>{children}</ul>;
}

function Rows({ table: { header, rows }, depth }: { table: Tokens.Table; depth: number }) {
  const heads = header.map(({ text }) => text);
  return (
    <table tabIndex={0}>
      <thead>
        <tr>
          {header.map((cell, index) =>
            heads[index] === "" ? <td key={index} /> : <th key={index}>{renderAll(cell.tokens, depth)}</th>,
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {row.map((cell, column) => (
              <td
                key={column}
                class={cell.align === "right" ? "number" : undefined}
                data-head={heads[column]}
              >
                {renderAll(cell.tokens, depth)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const safe = readLink(href);
  if (safe === undefined) return <>{children}</>;
  return (
    <a href={safe} rel="noreferrer">
      {children}
    </a>
  );
}

const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/** An address that a link may have; undefined for scripts and the like. */
export function readLink(href: string): string | undefined {
  try {
    const url = new URL(href, location.href);
    return PROTOCOLS.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u{a0}" };

/** The characters that references such as `&amp;` stand for. */
function decode(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (typeof name === "string") return ENTITIES[name] ?? whole;
    const code = typeof decimal === "string" ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0x10_ff_ff ? whole : String.fromCodePoint(code);
  });
}
