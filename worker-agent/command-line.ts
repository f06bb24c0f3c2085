/** Commands as text: splitting them into words, and finding the program that they name. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/** Splits a command into words as a POSIX shell does, without expanding anything (as Python's `shlex.split`). */
export function splitCommand(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let index = 0; index < command.length; index += 1) {
    const character = command.charAt(index);
    if (quote === "'") {
      if (character === "'") quote = undefined;
      else word += character;
    } else if (character === "\\" && (quote === undefined || /["\\]/.test(command.charAt(index + 1)))) {
      index += 1;
      if (index >= command.length) throw new Error("nothing follows the last backslash");
      word = (word ?? "") + command.charAt(index);
    } else if (quote === '"') {
      if (character === '"') quote = undefined;
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== undefined) throw new Error(`a quote (${quote}) is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** Finds the program that a command's first word names, as `execvp` would; undefined when there is none. */
export function findProgram(word: string, cwd: string, env: NodeJS.ProcessEnv): string | undefined {
  if (word.includes("/")) {
    const path = isAbsolute(word) ? word : resolve(cwd, word);
    return isProgram(path) ? path : undefined;
  }
  return (env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
    .split(delimiter)
    .map((folder) => resolve(cwd, join(folder, word)))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
