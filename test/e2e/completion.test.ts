/** The completion script in a bash that has nothing but itself. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runSluice } from "../support/sluice.ts";

test("zsh is told that a colon is part of the name", async () => {
  const { stdout } = await runSluice(["completion", "zsh"]);
  expect(stdout).toContain(String.raw`comp=${"$"}{comp//:/\\:}`);
});

test("plain bash completes a word that has a colon in it", async () => {
  const { stdout: script } = await runSluice(["completion", "bash"]);
  const complete = `${script}
compopt() { :; }
sluice() { printf '%s\\n' create ls gpu:gpu-1 gpu:gpu-2 :4; }
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); __sluice_complete_word; echo "\${COMPREPLY[*]}"; }
complete -p sluice
ask sluice gcl cr
ask sluice gcl inspect gpu
ask sluice gcl inspect gpu : g
ask sluice gcl inspect gpu :
`;
  const { stdout, stderr } = await promisify(execFile)("bash", ["--norc", "-c", complete]);
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([
    "complete -F __sluice_complete_word sluice",
    "create",
    "gpu:gpu-1 gpu:gpu-2",
    "gpu-1 gpu-2",
    "gpu-1 gpu-2",
  ]);
});
