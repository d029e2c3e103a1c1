/** Writes what the executable is made of: `bun scripts/sbom.ts FILE`, a JSON file in CycloneDX. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import lock from "../bun.lock";
import packageJson from "../package.json" with { type: "json" };
import { billOfMaterials, type LockFile, packageNames } from "./support/bill-of-materials.ts";
import { root } from "./support/process.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("sbom: name the file to write");
  process.exit(2);
}

/** A path is that of the lock file, `parent/name`; folders of packages lie in each other's node_modules. */
function licenseOf(path: string): string | undefined {
  const folder = packageNames(path).join("/node_modules/");
  const description = join(root, "node_modules", folder, "package.json");
  if (!existsSync(description)) throw new Error(`${path} is not installed: run bun install`);
  return JSON.parse(readFileSync(description, "utf8")).license;
}

const { name, version, license, engines } = packageJson;
const product = { name, version, license, bunVersion: engines.bun };
const bill = billOfMaterials(product, lock as unknown as LockFile, licenseOf);
const output = resolve(file);
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `${JSON.stringify(bill, undefined, 2)}\n`);
console.log(`${file}: ${bill.components.length} components`);
