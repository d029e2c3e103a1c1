/** Which file system a path lies on, as Linux tells it in /proc/self/mountinfo. */
import { accessSync, constants, realpathSync } from "node:fs";
import { dirname } from "node:path";

export interface Mount {
  readonly point: string;
  /** Such as "ext4". */
  readonly type: string;
  /** Of the mount and of the file system, such as "ro" or "data=ordered". */
  readonly options: readonly string[];
  /** Major and minor number of the device, such as "254:0". */
  readonly device: string;
}

/** The one that is mounted last of those that `path` (absolute, without symbolic links) lies below. */
export function mountOf(mountInfo: string, path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountInfo.split("\n")) {
    const mount = parseMount(line);
    if (mount === undefined || !isBelow(path, mount.point)) continue;
    if (found === undefined || mount.point.length >= found.point.length) found = mount;
  }
  return found;
}

/** `27 1 254:0 / /data rw,relatime shared:1 - ext4 /dev/vda rw,discard`; fields before the hyphen vary in number. */
function parseMount(line: string): Mount | undefined {
  const [left = "", right] = line.split(" - ");
  const [, , device, , point, options = ""] = left.split(" ");
  const [type, , superOptions = ""] = right?.split(" ") ?? [];
  if (device === undefined || point === undefined || type === undefined) return undefined;
  const all = new Set([...options.split(","), ...superOptions.split(",")]);
  return { point: unescaped(point), type, options: [...all].filter(Boolean), device };
}

/** Blanks and backslashes are three octal digits each. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`);
}

/** `path` without symbolic links; of a path that is not there yet, the nearest directory above it that is. */
export function nearestRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return nearestRealPath(parent);
  }
}

/** Whether this process's user may write to what is there. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
