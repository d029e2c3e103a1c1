/** What a release says that it is made of is what the lock file says. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import lock from "../../bun.lock";
import packageJson from "../../package.json" with { type: "json" };
import {
  type BillOfMaterials,
  billOfMaterials,
  type LockFile,
  type Product,
} from "../../scripts/support/bill-of-materials.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const root = join(import.meta.dir, "../..");
const product: Product = { name: "product", version: "1.0.0", license: "Apache-2.0", bunVersion: "1.4.5" };
const none = "sha512-AAAA";

/** Two versions of `c`: one for `b`, another for everybody else, `@scope/a` too, whatever `@scope` has. */
const small: LockFile = {
  workspaces: { "": { dependencies: { "@scope/a": "1.0.0" } } },
  packages: {
    "@scope/a": ["@scope/a@1.0.0", "", { dependencies: { b: "^1", c: "^2" } }, none],
    b: [
      "b@1.1.0",
      "",
      { dependencies: { c: "^1" }, peerDependencies: { "@scope/a": "*", z: "*" }, optionalPeers: ["z"] },
      none,
    ],
    c: ["c@2.0.0", "", {}, none],
    "b/c": ["c@1.0.0", "", {}, none],
    "@scope/c": ["@scope/c@1.0.0", "", {}, none],
    unused: ["unused@1.0.0", "", {}, none],
    z: ["z@1.0.0", "", {}, none],
  },
};

const versions = ({ components }: BillOfMaterials) =>
  components.map(({ name, version }) => `${name}@${version}`);

test("holds what is needed, in the versions that are meant, and the runtime", () => {
  const bill = billOfMaterials(product, small, () => "MIT");
  expect(versions(bill)).toEqual(["@scope/a@1.0.0", "b@1.1.0", "c@1.0.0", "c@2.0.0", "bun@1.4.5"]);
  expect(Object.fromEntries(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))).toEqual({
    "pkg:npm/product@1.0.0": ["pkg:npm/%40scope/a@1.0.0", "pkg:npm/bun@1.4.5"],
    "pkg:npm/%40scope/a@1.0.0": ["pkg:npm/b@1.1.0", "pkg:npm/c@2.0.0"],
    "pkg:npm/b@1.1.0": ["pkg:npm/%40scope/a@1.0.0", "pkg:npm/c@1.0.0"],
    "pkg:npm/c@1.0.0": [],
    "pkg:npm/c@2.0.0": [],
  });
  expect(bill.components[0]?.hashes).toEqual([{ alg: "SHA-512", content: "000000" }]);
});

test("says licences as expressions where they are some", () => {
  const texts = ["MIT", "(MIT OR Apache-2.0)", "SEE LICENSE IN FILE", undefined];
  const told = texts.map((text) => billOfMaterials(product, small, () => text).components[0]?.licenses);
  expect(told).toEqual([
    [{ expression: "MIT" }],
    [{ expression: "(MIT OR Apache-2.0)" }],
    [{ license: { name: "SEE LICENSE IN FILE" } }],
    undefined,
  ]);
});

test("of this project: everything that it depends on, nothing of what only builds and tests use", () => {
  const file = join(temporaryFolder(), "sbom.json");
  expect(Bun.spawnSync([process.execPath, "scripts/sbom.ts", file], { cwd: root }).exitCode).toBe(0);
  const bill: BillOfMaterials = JSON.parse(readFileSync(file, "utf8"));
  expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
  expect(bill.metadata.component).toMatchObject({ name: "pairdb-node", version: packageJson.version });
  const held = versions(bill);
  const wanted = Object.entries(packageJson.dependencies).map(([name, version]) => `${name}@${version}`);
  expect(held).toEqual(expect.arrayContaining(wanted));
  const { bun, ...tools } = packageJson.devDependencies;
  expect(held).toContain(`bun@${bun}`);
  expect(
    held.filter((component) => Object.entries(tools).some((tool) => component === tool.join("@"))),
  ).toEqual([]);
  expect(held.length).toBeLessThan(Object.keys((lock as unknown as LockFile).packages).length);
  for (const { licenses } of bill.components) expect(licenses).toBeDefined();
});
