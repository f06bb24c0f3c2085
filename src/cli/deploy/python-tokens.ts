/** Splits Python source into tokens: enough to find definitions and literals without running anything. */

export interface Token {
  kind: "name" | "number" | "string" | "operator" | "newline";
  /** As written. */
  text: string;
  /** Content of a string without escapes to compute; undefined for f-strings and bytes, whose value is not known here. */
  value?: string | undefined;
  /** Counted from 1. */
  line: number;
}

const PATTERN =
  /(?<blank>[ \t\f]+|\\\r?\n)|(?<comment>#[^\n]*)|(?<newline>\r?\n)|(?<string>(?<prefix>[rRbBuUfFtT]{0,2})(?:"""(?:\\[\s\S]|(?!""")[\s\S])*"""|'''(?:\\[\s\S]|(?!''')[\s\S])*'''|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'))|(?<number>\d[\w.]*(?:(?<=[eE])[+-]\d+)?|\.\d\w*)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<operator>->|\*\*|[\s\S])/gu;

/** Splits source into tokens; line ends inside brackets are left out, as Python does. */
export function tokenizePython(source: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let line = 1;
  for (const match of source.matchAll(PATTERN)) {
    const [text] = match;
    const { blank, comment, newline, string, prefix = "", number, name } = match.groups ?? {};
    if (string !== undefined) {
      tokens.push({ kind: "string", text, value: readString(text, prefix), line });
    } else if (number !== undefined) tokens.push({ kind: "number", text, line });
    else if (name !== undefined) tokens.push({ kind: "name", text, line });
    else if (newline !== undefined) {
      if (depth === 0) tokens.push({ kind: "newline", text, line });
    } else if (blank === undefined && comment === undefined) {
      if ("([{".includes(text)) depth += 1;
      else if (")]}".includes(text)) depth = Math.max(0, depth - 1);
      tokens.push({ kind: "operator", text, line });
    }
    line += text.split("\n").length - 1;
  }
  return tokens;
}

const ESCAPES: Record<string, string> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "\n": "",
};

function readString(text: string, prefix: string): string | undefined {
  if (/[bft]/i.test(prefix)) return undefined;
  const body = text.slice(prefix.length);
  const quote = body.startsWith('"""') || body.startsWith("'''") ? 3 : 1;
  const raw = body.slice(quote, -quote);
  if (/r/i.test(prefix)) return raw;
  return raw.replaceAll(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\s\S])/g, (whole, escape: string) =>
    escape.length > 1
      ? String.fromCodePoint(Number.parseInt(escape.slice(1), 16))
      : (ESCAPES[escape] ?? whole),
  );
}
