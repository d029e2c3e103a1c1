/** The proto files of some services: by name, and by every name that is declared in them. */
import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

export class DescriptorIndex {
  /** Full names of the services. */
  readonly services: readonly string[];
  /** Full names of all messages. */
  readonly messages = new Set<string>();
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #encoded = new Map<DescFile, Uint8Array>();

  constructor(services: readonly DescService[]) {
    this.services = services.map(({ typeName }) => typeName);
    for (const { file } of services) this.#addFile(file);
  }

  /** The file of this name, encoded, and behind it all that it imports; undefined where there is none. */
  file(name: string): Uint8Array[] | undefined {
    return this.#withImports(this.#files.get(name));
  }

  /** The same of the file that declares a service, method, message, field, oneof, enum or enum value. */
  fileOfSymbol(name: string): Uint8Array[] | undefined {
    return this.#withImports(this.#symbols.get(name));
  }

  #withImports(file: DescFile | undefined): Uint8Array[] | undefined {
    if (file === undefined) return undefined;
    const files = new Set([file]);
    // A set gives what is added while it is walked, too.
    for (const each of files) for (const imported of each.dependencies) files.add(imported);
    return [...files].map((each) => this.#encode(each));
  }

  #encode(file: DescFile): Uint8Array {
    let bytes = this.#encoded.get(file);
    if (bytes === undefined) {
      bytes = toBinary(FileDescriptorProtoSchema, file.proto);
      this.#encoded.set(file, bytes);
    }
    return bytes;
  }

  #addFile(file: DescFile): void {
    const { name, package: scope, service, messageType, enumType } = file.proto;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const each of service) this.#add(file, scope, each.name, each.method);
    for (const each of messageType) this.#addMessage(file, scope, each);
    for (const each of enumType) this.#addEnum(file, scope, each);
    for (const imported of file.dependencies) this.#addFile(imported);
  }

  #addMessage(file: DescFile, outerScope: string, message: DescriptorProto): void {
    const { field, oneofDecl, nestedType, enumType } = message;
    const scope = this.#add(file, outerScope, message.name, [...field, ...oneofDecl]);
    this.messages.add(scope);
    for (const each of nestedType) this.#addMessage(file, scope, each);
    for (const each of enumType) this.#addEnum(file, scope, each);
  }

  /** The values of an enum are declared beside it, not in it. */
  #addEnum(file: DescFile, scope: string, { name, value }: EnumDescriptorProto): void {
    this.#add(file, scope, name, []);
    for (const each of value) this.#add(file, scope, each.name, []);
  }

  /** A name with its members; gives its full name. */
  #add(file: DescFile, scope: string, name: string, members: readonly { readonly name: string }[]): string {
    const fullName = `${scope}.${name}`;
    this.#symbols.set(fullName, file);
    for (const member of members) this.#symbols.set(`${fullName}.${member.name}`, file);
    return fullName;
  }
}
