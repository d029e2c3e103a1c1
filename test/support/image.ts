/**
 * The root file system of the image that the Dockerfile makes, as a folder: what its base brings (a C library, and the
 * certificates of the machine), and what its last stage copies, with the same owners. A process runs in it as in a
 * container: as the image's user, in namespaces of its own, with a root that nobody can write to and one volume.
 */
import { chownSync, cpSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { instructions } from "./dockerfile.ts";
import { requirePeer } from "./peers.ts";

/** It takes root, and the right to mount. */
export const canRunImages = requirePeer("the right to make mount namespaces (root)", () => {
  if (process.getuid?.() !== 0 || Bun.which("unshare") === null) return false;
  return Bun.spawnSync(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).success;
});

const [user = ""] = instructions("USER");
const [volume = ""] = instructions("VOLUME");

export interface Image {
  /** The image's root. */
  readonly root: string;
  /** The volume's content. */
  readonly volume: string;
  /** Starts the image's program; its arguments follow. */
  readonly command: readonly string[];
}

/** Makes the image in an empty folder. */
export function makeImage(folder: string, executable: string): Image {
  const root = join(folder, "root");
  const build = join(folder, "build");
  for (const path of [root, join(build, "dist")]) mkdirSync(path, { recursive: true });
  cpSync(executable, join(build, "dist/pairdb-node"));
  for (const step of instructions("RUN").filter((line) => !line.startsWith("npx"))) {
    shell(`cd '${build}' && ${step}`);
  }
  addBase(root, executable);
  for (const words of instructions("COPY")) copyFromBuild(words, build, root);
  const volumeFolder = join(folder, "volume");
  mkdirSync(volumeFolder);
  // A new volume gets the owner of the folder that it covers.
  shell(`chown --reference='${root}${volume}' '${volumeFolder}'`);
  return { root, volume: volumeFolder, command: enter(root, volumeFolder) };
}

/** A distroless image holds these, and more that the node does not need. */
function addBase(root: string, executable: string): void {
  for (const path of ["proc", "dev", "tmp", "etc"]) mkdirSync(join(root, path), { recursive: true });
  const listing = shell(`ldd '${executable}'`);
  const libraries = [...listing.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  const certificates = "/etc/ssl/certs/ca-certificates.crt";
  for (const path of [...libraries, ...(existsSync(certificates) ? [certificates] : [])]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(path, join(root, path), { dereference: true });
  }
}

/** `--from=build [--chown=USER:GROUP] SOURCE... TARGET`; a target that ends with / is a folder. */
function copyFromBuild(words: string, build: string, root: string): void {
  const match = /^--from=build (?:--chown=(\d+):(\d+) )?(.+) (\S+)$/.exec(words);
  if (match === null) return;
  const [, owner = "0", group = "0", sources = "", target = ""] = match;
  for (const source of sources.split(" ")) {
    const from = join(build, source.replace(/^\/build\//, ""));
    const to = join(root, target, target.endsWith("/") ? source.slice(source.lastIndexOf("/") + 1) : "");
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, { recursive: true });
    chownSync(to, Number(owner), Number(group));
  }
}

function enter(root: string, volumeFolder: string): string[] {
  const script = `
    mount --bind '${root}' '${root}'
    mount --bind '${volumeFolder}' '${root}${volume}'
    mount --rbind /proc '${root}/proc'
    mount --rbind /dev '${root}/dev'
    mount -o remount,bind,ro '${root}'
    ! touch '${root}/tmp/file' 2> /dev/null
    exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${instructions("ENV").join(" ")} \\
      chroot --userspec='${user}' --groups= '${root}' ${instructions("ENTRYPOINT").map((words) => JSON.parse(words)[0])} "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh"];
}

function shell(script: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "-euc", script], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${script}: ${stderr.toString()}`);
  return stdout.toString();
}
