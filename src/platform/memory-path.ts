/** What a path stands for in the in-memory tree, with the errors of the system where it stands for nothing. */
import { assert } from "../base/errors.ts";
import { MemoryDirectory, type MemoryNode } from "./memory-directory.ts";
import { MemoryInode } from "./memory-file.ts";
import { SystemError } from "./system-error.ts";

function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  assert(!names.includes(".."), `a path in memory must not climb: ${path}`);
  return names;
}

/** The directories above a path, the outermost first, without the root. */
export function ancestorsOf(path: string): string[] {
  const names = namesOf(path).slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join("/"));
}

export function findNode(root: MemoryDirectory, path: string): MemoryNode | undefined {
  let node: MemoryNode | undefined = root;
  for (const name of namesOf(path)) {
    node = node instanceof MemoryDirectory ? node.entries.get(name) : undefined;
  }
  return node;
}

/** `action` is what was tried, for the error's message. */
export function requireNode(root: MemoryDirectory, path: string, action: string): MemoryNode {
  const node = findNode(root, path);
  if (node !== undefined) return node;
  const isUnderFile = ancestorsOf(path).some((ancestor) => findNode(root, ancestor) instanceof MemoryInode);
  throw new SystemError(isUnderFile ? "ENOTDIR" : "ENOENT", action, path);
}

export function requireFile(root: MemoryDirectory, path: string, action: string): MemoryInode {
  const node = requireNode(root, path, action);
  if (node instanceof MemoryDirectory) throw new SystemError("EISDIR", action, path);
  return node;
}

export function requireDirectory(root: MemoryDirectory, path: string, action: string): MemoryDirectory {
  const node = requireNode(root, path, action);
  if (node instanceof MemoryInode) throw new SystemError("ENOTDIR", action, path);
  return node;
}

export function requireEmpty(root: MemoryDirectory, path: string): void {
  const { size } = requireDirectory(root, path, "remove").entries;
  if (size > 0) throw new SystemError("ENOTEMPTY", "remove", path);
}

/** The directory and name that a path stands for, taken or not. */
export function requirePlace(
  root: MemoryDirectory,
  path: string,
  action: string,
): { directory: MemoryDirectory; name: string } {
  const name = namesOf(path).at(-1);
  assert(name !== undefined, `${action}: the root has no name`);
  return { directory: requireDirectory(root, ancestorsOf(path).at(-1) ?? "", action), name };
}
