/** How records are written in files: one line each. */

export interface TextRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface RecordFormat {
  /** The line of a record, with its line feed. */
  encode(record: TextRecord): string;
  /** The record of a line without its line feed. Throws INVALID_ARGUMENT that says what is wrong with it. */
  decode(line: Uint8Array): TextRecord;
}
