/** Every method that the node could register says what its callers need. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { DescFile, DescMethod } from "@bufbuild/protobuf";
import { methodAccess } from "../../../src/rpc/method-access.ts";

/** The coordinator's, which no node serves. */
const calledByNodes = "proto.CoordinatorService";

const generated = join(import.meta.dir, "../../../src/gen");

async function generatedMethods(): Promise<DescMethod[]> {
  const paths = [...new Bun.Glob("**/*_pb.ts").scanSync(generated)];
  const modules = await Promise.all(paths.map((path) => import(join(generated, path))));
  const files = modules
    .flatMap((module: Record<string, unknown>) => Object.values(module))
    .filter((value): value is DescFile => (value as DescFile | undefined)?.kind === "file");
  return files
    .flatMap((file) => file.services)
    .filter((service) => service.typeName !== calledByNodes)
    .flatMap((service) => service.methods);
}

const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;

test("every method is in the table", async () => {
  const methods = await generatedMethods();
  expect(methods.length).toBeGreaterThan(15);
  expect(methods.filter((method) => !methodAccess.has(method)).map(nameOf)).toEqual([]);
});

test("what reaches all tenants is open to nobody who is limited to some", () => {
  const limited = [...methodAccess].filter(
    ([, { scope, tenants }]) => tenants !== undefined && scope !== "any",
  );
  expect(
    limited.map(([, { scope }]) => scope).filter((scope) => scope !== "read" && scope !== "write"),
  ).toEqual([]);
});
