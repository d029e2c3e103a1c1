/** What the system lets the process have: files, memory to lock, processors. Of the running node, where there is one. */
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

/** Files beside tables and connections: the log, libraries, sockets, the ring. */
const furtherFileCount = 256;

export function checkLimits(subject: Subject): Finding[] {
  const process = subject.nodeProcessId ?? "self";
  const limits = subject.environment.readSystemFile(`/proc/${process}/limits`);
  const whose = subject.nodeProcessId === undefined ? "this shell" : `the node (process ${process})`;
  const findings = limits === undefined ? [] : ofLimits(limits, whose, subject);
  return [...findings, ...ofProcessors(subject)];
}

function ofLimits(limits: string, whose: string, subject: Subject): Finding[] {
  return [
    openFiles(softLimit(limits, "Max open files"), whose, subject),
    ok(`memory that ${whose} may lock: ${softLimit(limits, "Max locked memory")} bytes; a node locks none`),
    coreSize(softLimit(limits, "Max core file size"), whose),
  ];
}

function openFiles(limit: number, whose: string, { configuration }: Subject): Finding {
  const needed =
    configuration.sstable.max_open_tables + configuration.server.max_connections + furtherFileCount;
  const message = `${whose} may have ${limit} files open`;
  const advice =
    "raise it to 65536 at least: LimitNOFILE= in the unit, `ulimit -n` in a shell, or the container runtime's limit";
  if (limit < needed) {
    return problem(`${message}; tables and connections alone take up to ${needed}`, advice);
  }
  return limit < 65_536 ? warning(message, advice) : ok(message);
}

function coreSize(limit: number, whose: string): Finding {
  const message = `a core file of ${whose} may have ${limit} bytes`;
  if (limit === 0) return ok(message);
  return warning(message, "a core holds records: set LimitCORE=0 in the unit, or `ulimit -c 0`");
}

/** "unlimited" is Infinity; what is not there, 0. */
function softLimit(limits: string, name: string): number {
  const value = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(limits)?.[1];
  return value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value ?? 0);
}

function ofProcessors({ environment }: Subject): Finding[] {
  const status = environment.readSystemFile("/proc/self/status") ?? "";
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1];
  if (list === undefined) return [];
  const count = countOf(list);
  const message = `${count} processors`;
  if (count >= 2) return [ok(message)];
  return [warning(message, "give it two: one serves, the others flush and compact")];
}

/** `0-3,8` are five. */
function countOf(list: string): number {
  return list.split(",").reduce((sum, range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}
