/**
 * Go structures as they travel: maps with the names of the fields as keys. A structure is a table of its fields, which
 * reads and writes the map, so that the tables of `messages.ts` are the specification.
 *
 * Reading tolerates keys in any order, keys it does not know, and missing ones (their value is the empty one), as Go's
 * decoders do. Writing puts the fields in the order of the table: ascending by key, as Go does.
 */
import type { MessagePackReader } from "./message-pack-reader.ts";
import type { MessagePackWriter } from "./message-pack-writer.ts";

export interface Field<T> {
  readonly key: string;
  readonly empty: T;
  /** Left out where it is empty. */
  readonly isOptional: boolean;
  isEmpty(value: T): boolean;
  read(reader: MessagePackReader): T;
  write(writer: MessagePackWriter, value: T): void;
}

type Fields = Readonly<Record<string, Field<never>>>;

type ValuesOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A name of a member in bytes of UTF-8, or of anything else that is text here. */
export const maxNameBytes = 255;

/** Keys of peers that know more than we do. */
const maxKeyBytes = 255;
const maxPairs = 64;

export function unsigned(key: string, max: number, isOptional = false): Field<number> {
  return {
    key,
    empty: 0,
    isOptional,
    isEmpty: (value) => value === 0,
    read: (reader) => reader.readUnsigned(max),
    write: (writer, value) => writer.writeUnsigned(value),
  };
}

export function flag(key: string): Field<boolean> {
  return {
    key,
    empty: false,
    isOptional: false,
    isEmpty: (value) => !value,
    read: (reader) => reader.readBoolean(),
    write: (writer, value) => writer.writeBoolean(value),
  };
}

export function text(key: string, maxBytes = maxNameBytes, isOptional = false): Field<string> {
  return {
    key,
    empty: "",
    isOptional,
    isEmpty: (value) => value === "",
    read: (reader) => reader.readText(maxBytes),
    write: (writer, value) => writer.writeText(value),
  };
}

/** Written as nil where it is empty. */
export function bytes(key: string, maxBytes: number, isOptional = false): Field<Uint8Array> {
  return {
    key,
    empty: new Uint8Array(0),
    isOptional,
    isEmpty: (value) => value.length === 0,
    read: (reader) => reader.readBytes(maxBytes),
    write: (writer, value) => (value.length === 0 ? writer.writeNil() : writer.writeBytes(value)),
  };
}

export interface Structure<T> {
  /** What was read where the reader did not fail. */
  read(reader: MessagePackReader): T;
  write(writer: MessagePackWriter, value: T): void;
}

export type StructureValue<S> = S extends Structure<infer T> ? T : never;

/** `fields` by the name that each has in code, ascending by key. */
export function structure<F extends { [K in keyof F]: Field<never> | Field<ValuesOf<F>[K]> }>(
  fields: F,
): Structure<ValuesOf<F>> {
  const table = Object.entries(fields as Fields) as [string, Field<unknown>][];
  const byKey = new Map(table.map(([name, field]) => [field.key, { name, field }]));
  const empty = Object.fromEntries(table.map(([name, field]) => [name, field.empty]));
  return {
    read(reader) {
      const values: Record<string, unknown> = { ...empty };
      const pairCount = reader.readMapHeader();
      if (pairCount > maxPairs) reader.fail();
      for (let i = 0; i < pairCount && reader.failure === undefined; i++) {
        const known = byKey.get(reader.readText(maxKeyBytes));
        if (known === undefined) reader.skipValue();
        else values[known.name] = known.field.read(reader);
      }
      return values as ValuesOf<F>;
    },
    write(writer, value) {
      const values = value as Record<string, unknown>;
      const present = table.filter(([name, field]) => !field.isOptional || !field.isEmpty(values[name]));
      writer.writeMapHeader(present.length);
      for (const [name, field] of present) {
        writer.writeText(field.key);
        field.write(writer, values[name]);
      }
    },
  };
}
