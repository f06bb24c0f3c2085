/** What programs write for terminals, as a page can show it. */

const ESCAPE = "\u001B";
const BELL = "\u0007";
/** Source: ECMA-48, §5.4 to §5.6. Each ends within its line, so that one that was cut off takes no other line with it. */
const SEQUENCES = new RegExp(
  [
    // Colours, and moves of the cursor.
    String.raw`(?:${ESCAPE}\[|\u009B)[0-?]*[ -/]*[@-~]?`,
    // Titles, links, and other strings.
    String.raw`${ESCAPE}[\]PX^_][^\n${BELL}${ESCAPE}]*(?:${BELL}|${ESCAPE}\\)?`,
    // Character sets, and what is left.
    String.raw`${ESCAPE}[ -/]*[0-~]`,
  ].join("|"),
  "g",
);
/** Fonts have boxes for these, if anything. */
const CONTROLS = /(?![\n\t])\p{Cc}/gu;
/** What says in which direction the text behind it reads: it would show another text than was written. */
const DIRECTIONS = /[\u202A-\u202E]/g;

/** Scripts that are written from right to left, which turn round numbers and marks beside them. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/;
const ISOLATES = /[\u2066-\u2069]/g;

/** A name for use within a sentence, which stays in its order whatever the name's direction. */
export function isolate(name: string): string {
  const text = toReadable(name).replaceAll(ISOLATES, "");
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** A text without escape sequences, control characters but tabs and line breaks, and overrides of direction. */
export function toReadable(text: string): string {
  return text
    .replaceAll(SEQUENCES, "")
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(CONTROLS, "")
    .replaceAll(DIRECTIONS, "");
}
