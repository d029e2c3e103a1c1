/** The in-memory file system's tree as a whole: copying it, walking it, and what a crash leaves of it. */
import type { CrashPolicy } from "./crash.ts";
import {
  type DirectoryOperation,
  type EntryChange,
  MemoryDirectory,
  type MemoryNode,
} from "./memory-directory.ts";
import type { MemoryInode } from "./memory-file.ts";
import type { Page } from "./paged-content.ts";

/** Copies a tree with what is synced and what is not, in such a way that neither copy sees the other's changes. */
export function cloneTree(root: MemoryDirectory): MemoryDirectory {
  const copies = new Map<MemoryNode, MemoryNode>();
  const operations = new Map<DirectoryOperation, DirectoryOperation>();

  function copyNode<Node extends MemoryNode>(node: Node): Node {
    const known = copies.get(node);
    if (known !== undefined) return known as Node;
    const copy = node instanceof MemoryDirectory ? new MemoryDirectory() : node.clone();
    copies.set(node, copy);
    if (node instanceof MemoryDirectory) copyDirectory(node, copy as MemoryDirectory);
    return copy as Node;
  }

  function copyDirectory(source: MemoryDirectory, copy: MemoryDirectory): void {
    for (const [name, node] of source.entries) copy.entries.set(name, copyNode(node));
    for (const [name, node] of source.durableEntries) copy.durableEntries.set(name, copyNode(node));
    for (const operation of source.unsynced) copy.unsynced.push(copyOperation(operation));
  }

  function copyOperation(operation: DirectoryOperation): DirectoryOperation {
    const known = operations.get(operation);
    if (known !== undefined) return known;
    const copy = { changes: [] as EntryChange[] };
    operations.set(operation, copy);
    for (const { directory, name, node } of operation.changes) {
      copy.changes.push({ directory: copyNode(directory), name, node: node && copyNode(node) });
    }
    return copy;
  }

  return copyNode(root);
}

/** Every directory and file that a name in the tree stands for now, each once, in a repeatable order. */
export function reachableNodes(root: MemoryDirectory): {
  directories: MemoryDirectory[];
  files: MemoryInode[];
} {
  const directories = new Set([root]);
  const files = new Set<MemoryInode>();
  for (const directory of directories) {
    for (const node of directory.entries.values()) {
      if (node instanceof MemoryDirectory) directories.add(node);
      else files.add(node);
    }
  }
  return { directories: [...directories], files: [...files] };
}

/** All unsynced pages of the tree's files, in the order in which they were last written. */
export function unsyncedPages(root: MemoryDirectory): Page[] {
  const pages: Page[] = [];
  for (const file of reachableNodes(root).files) file.forEachUnsyncedPage((page) => pages.push(page));
  return pages.sort((a, b) => a.order - b.order);
}

/** The crash of the machine: leaves of the tree what was synced and what `policy` keeps beyond that. */
export function crashTree(root: MemoryDirectory, policy: CrashPolicy): void {
  const { directories } = reachableNodes(root);
  for (const directory of directories) {
    directory.keepFirst(policy.directoryOperationsKept(directory.unsynced.length));
  }
  for (const directory of directories) directory.dropUnsynced();

  const rankOf = new Map(unsyncedPages(root).map((page, rank) => [page, rank]));
  for (const file of reachableNodes(root).files) file.loseUnsynced(policy, (page) => rankOf.get(page)!);
}
