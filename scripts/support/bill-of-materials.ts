/**
 * What the executable is made of, as CycloneDX 1.6: the project's dependencies and theirs, as the lock file has them, and
 * the runtime. What only tests and builds use is not in it.
 *
 * The lock file names a package by its name, or, where two versions are there, by the path of those who need it:
 * `parent/name`. The nearest one is meant, as in nested folders of node_modules.
 */

/** What is read of bun.lock. */
export interface LockFile {
  readonly workspaces: { readonly "": { readonly dependencies: Readonly<Record<string, string>> } };
  /** By name or path: `name@version`, where it comes from, what it needs, and its integrity. */
  readonly packages: Readonly<Record<string, readonly [string, string, Needs, string]>>;
}

interface Needs {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalPeers?: readonly string[];
}

export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly bunVersion: string;
}

export interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly License[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

type License = { readonly expression: string } | { readonly license: { readonly name: string } };

export interface BillOfMaterials {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** `licenseOf` tells what a package says of itself, undefined where it says nothing. */
export function billOfMaterials(
  product: Product,
  lock: LockFile,
  licenseOf: (path: string) => string | undefined,
): BillOfMaterials {
  const { name, version, license, bunVersion } = product;
  const subject: Component = { type: "application", ...identity(name, version), licenses: licenses(license) };
  const runtime: Component = { type: "platform", ...identity("bun", bunVersion), licenses: licenses("MIT") };
  const needed = new Map<string, readonly string[]>();
  const direct = Object.keys(lock.workspaces[""].dependencies);
  for (const path of direct) follow(lock, path, needed);

  const libraries = [...needed.keys()].sort().map((path) => library(lock, path, licenseOf(path)));
  const refOf = (path: string) => identityOf(lock, path)["bom-ref"];
  const edges = [...needed].map(([path, paths]) => ({
    ref: refOf(path),
    dependsOn: paths.map(refOf).sort(),
  }));
  const roots = [...direct.map(refOf).sort(), runtime["bom-ref"]];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: subject },
    components: [...libraries, runtime],
    dependencies: [
      { ref: subject["bom-ref"], dependsOn: roots },
      ...edges.sort((a, b) => (a.ref < b.ref ? -1 : 1)),
    ],
  };
}

/** Notes what the package at a path needs, and what that needs in turn. */
function follow(lock: LockFile, path: string, needed: Map<string, readonly string[]>): void {
  if (needed.has(path)) return;
  const { dependencies, peerDependencies, optionalPeers = [] } = entryOf(lock, path)[2];
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => !optionalPeers.includes(name));
  const paths = [...Object.keys(dependencies ?? {}), ...peers].map((name) => nearest(lock, path, name));
  needed.set(path, paths);
  for (const next of paths) follow(lock, next, needed);
}

/** The path of the package that `name` means to the one at `path`. */
function nearest(lock: LockFile, path: string, name: string): string {
  const parents = packageNames(path);
  for (let depth = parents.length; depth > 0; depth--) {
    const candidate = [...parents.slice(0, depth), name].join("/");
    if (lock.packages[candidate] !== undefined) return candidate;
  }
  return name;
}

/** Of a path: a scope and its slash belong to a name. */
export function packageNames(path: string): string[] {
  return path.match(/(@[^/]+\/)?[^/]+/g) ?? [];
}

function entryOf(lock: LockFile, path: string): readonly [string, string, Needs, string] {
  const entry = lock.packages[path];
  if (entry === undefined) throw new Error(`bun.lock holds no ${path}`);
  return entry;
}

function identityOf(lock: LockFile, path: string) {
  const [resolved] = entryOf(lock, path);
  const at = resolved.lastIndexOf("@");
  return identity(resolved.slice(0, at), resolved.slice(at + 1));
}

function identity(name: string, version: string) {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return { "bom-ref": purl, name, version, purl };
}

function library(lock: LockFile, path: string, license: string | undefined): Component {
  const [, , , integrity] = entryOf(lock, path);
  const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    type: "library",
    ...identityOf(lock, path),
    ...(license === undefined ? {} : { licenses: licenses(license) }),
    hashes: [{ alg: "SHA-512", content }],
  };
}

function licenses(text: string): License[] {
  const isExpression = /^\(?[\w.+-]+( (AND|OR|WITH) [\w.+-]+)*\)?$/.test(text);
  return [isExpression ? { expression: text } : { license: { name: text } }];
}
