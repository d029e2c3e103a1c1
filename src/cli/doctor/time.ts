/** The clock: deletions and tokens expire by it, and clients and other nodes compare it with theirs. */
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

const advice = "run chrony, systemd-timesyncd or another client of NTP";
const firstSensibleYear = 2025;
const mostErrorMs = 1000;

export function checkTime({ environment }: Subject): Finding[] {
  const now = new Date(environment.clock.nowMs());
  const told = `the clock says ${now.toISOString().replace(/\.\d+Z$/, "Z")}`;
  if (now.getUTCFullYear() < firstSensibleYear) return [problem(told, advice)];
  const status = environment.readClockStatus();
  if (status === undefined) return [ok(`${told}; whether it is synchronised, the system does not tell`)];
  if (!status.isSynchronised) return [warning(`${told}, and nothing synchronises it`, advice)];
  const message = `${told}, right within ${Math.ceil(status.largestErrorMs)} ms`;
  return [status.largestErrorMs > mostErrorMs ? warning(message, advice) : ok(message)];
}
