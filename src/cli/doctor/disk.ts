/** Room, file systems and devices below the three directories. */
import { messageOf } from "../../base/errors.ts";
import { isWritable, type Mount, mountOf, nearestRealPath } from "../../platform/mounts.ts";
import { bytesText } from "../units.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

const goodTypes = ["ext4", "xfs", "btrfs", "zfs", "f2fs"];
const volatileTypes = ["tmpfs", "ramfs", "overlay"];
const remoteTypes = /^(nfs|cifs|smb|9p|fuse|virtiofs|ceph|glusterfs)/;

/** A compaction writes its output before it removes its input. */
const freeShareForCompactions = 1 / 3;

export function checkDisk(subject: Subject): Finding[] {
  const { dataDirectory, commitLogDirectory, tableDirectory } = subject.directories;
  const places = new Set([dataDirectory, commitLogDirectory, tableDirectory].map(nearestRealPath));
  const findings = [...places].flatMap((path) => (isWritable(path) ? [] : [readOnly(path)]));
  const mounts = new Map<string, string>();
  const mountInfo = subject.environment.readSystemFile("/proc/self/mountinfo") ?? "";
  for (const path of places) mounts.set(mountOf(mountInfo, path)?.point ?? path, path);
  for (const path of mounts.values()) {
    const mount = mountOf(mountInfo, path);
    findings.push(room(subject, path));
    if (mount !== undefined) findings.push(type(mount), ...options(mount), ...device(subject, mount));
  }
  return findings;
}

function readOnly(path: string): Finding {
  return problem(
    `${path} is not writable for this user`,
    "run doctor as the node's user, or give it the directory",
  );
}

function room({ environment, configuration }: Subject, path: string): Finding {
  const { max_disk_usage } = configuration.storage;
  try {
    const { totalBytes, availableBytes } = environment.files.usage(path);
    const usedShare = totalBytes === 0 ? 1 : 1 - availableBytes / totalBytes;
    const message = `${path}: ${bytesText(BigInt(availableBytes))} free of ${bytesText(BigInt(totalBytes))}`;
    if (usedShare >= max_disk_usage) {
      const limit = `${Math.round(max_disk_usage * 100)} %`;
      return problem(
        `${message}: above storage.max_disk_usage (${limit}), large writes are refused`,
        "make room",
      );
    }
    if (1 - usedShare >= freeShareForCompactions) return ok(message);
    return warning(message, "leave a third free: compactions write before they remove");
  } catch (error) {
    return problem(`${path}: the free space cannot be read (${messageOf(error)})`, "look at the disk");
  }
}

function type({ point, type }: Mount): Finding {
  const message = `${point} is ${type}`;
  const advice = "use a local SSD or a block volume, with ext4 or xfs";
  if (goodTypes.includes(type)) return ok(message);
  if (volatileTypes.includes(type)) return problem(`${message}: what is written there does not last`, advice);
  if (remoteTypes.test(type)) {
    return problem(`${message}: a sync may return before data is safe, and locks may not hold`, advice);
  }
  return warning(`${message}, with which nobody has tested it`, advice);
}

function options({ point, options }: Mount): Finding[] {
  const told = `${point} is mounted with`;
  const findings: Finding[] = [];
  if (options.includes("ro")) findings.push(problem(`${told} ro`, "mount it writable: rw"));
  const unsafe = options.filter((option) => option === "nobarrier" || option === "barrier=0");
  for (const option of unsafe) {
    findings.push(
      problem(`${told} ${option}: a power failure loses what was synced`, "mount it without that"),
    );
  }
  if (options.includes("strictatime")) {
    findings.push(warning(`${told} strictatime: each read writes`, "mount it with noatime"));
  }
  if (options.includes("sync")) {
    findings.push(warning(`${told} sync: each write waits`, "mount it without; the node syncs what it must"));
  }
  return findings.length === 0 ? [ok(`${told} ${options.join(",")}`)] : findings;
}

/** A partition has no queue of its own: its disk has. */
function device({ environment }: Subject, { point, device }: Mount): Finding[] {
  const folder = `/sys/dev/block/${device}`;
  const rotates = [`${folder}/queue/rotational`, `${folder}/../queue/rotational`]
    .map(environment.readSystemFile)
    .find((text) => text !== undefined);
  if (rotates?.trim() !== "1") return [];
  return [
    warning(`the disk of ${point} rotates, as the system says`, "use an SSD: each write waits for a sync"),
  ];
}
