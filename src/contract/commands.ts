/** Commands to be typed elsewhere. */

/** A command of ours whose words are safe to paste into a shell. */
export function writeCommand(...words: string[]): string {
  return ["sluice", ...words].map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
