import { expect, test } from "bun:test";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { DescriptorIndex } from "../../../src/rpc/reflection/descriptor-index.ts";

/** A chain: the service's file imports a second one, and that a third. */
const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      { name: "third.proto", package: "p", syntax: "proto3", messageType: [{ name: "Third" }] },
      { name: "second.proto", package: "p", syntax: "proto3", dependency: ["third.proto"] },
      {
        name: "first.proto",
        package: "p",
        syntax: "proto3",
        dependency: ["second.proto", "third.proto"],
        service: [{ name: "Service" }],
      },
    ],
  }),
);
const index = new DescriptorIndex([registry.getService("p.Service")!]);

function namesOf(files: readonly Uint8Array[] | undefined): string[] | undefined {
  return files?.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

test("a file comes with all that it imports, each once", () => {
  expect(namesOf(index.fileOfSymbol("p.Service"))).toEqual(["first.proto", "second.proto", "third.proto"]);
  expect(namesOf(index.file("second.proto"))).toEqual(["second.proto", "third.proto"]);
});

test("what is declared in an imported file is found there", () => {
  expect(namesOf(index.fileOfSymbol("p.Third"))).toEqual(["third.proto"]);
  expect(index.messages).toEqual(new Set(["p.Third"]));
  expect(index.fileOfSymbol("p.Fourth")).toBeUndefined();
});
