/** The unit of deploy/systemd, and what systemd's own tool says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { requirePeer } from "./peers.ts";

export const unitText = readFileSync(
  join(import.meta.dir, "../../deploy/systemd/pairdb-node.service"),
  "utf8",
);

export const hasSystemd = requirePeer("systemd-analyze", () => Bun.which("systemd-analyze") !== null);

/** The system calls that the unit lets through; its filter takes groups and single calls in, and others out again. */
export function allowedSystemCalls(): Set<string> {
  const allowed = systemCallsOf("@default");
  for (const [, out, words = ""] of unitText.matchAll(/^SystemCallFilter=(~?)(\S+)$/gm)) {
    for (const name of systemCallsOf(words)) {
      if (out === "~") allowed.delete(name);
      else allowed.add(name);
    }
  }
  return allowed;
}

/** A call, or those of a group and of the groups in it. */
function systemCallsOf(word: string): Set<string> {
  if (!word.startsWith("@")) return new Set([word]);
  const command = ["systemd-analyze", "syscall-filter", "--no-pager", word];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  const [, ...lines] = stdout.toString().split("\n");
  const names = lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  return new Set(names.flatMap((name) => [...systemCallsOf(name)]));
}
