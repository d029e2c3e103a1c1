/** A part of a table's file that somebody needs and that may not be in memory. */
export interface ColdRange {
  readonly path: string;
  /** `undefined`: all that opening the table reads, wherever it lies. */
  readonly offset: number | undefined;
  readonly length: number;
}

/** Two ranges with the same name need not both be brought in. */
export function nameOf({ path, offset, length }: ColdRange): string {
  return `${path}:${offset ?? "tail"}+${length}`;
}

/** As if the names were the same, without making them. */
export function isSameRange(
  range: ColdRange,
  path: string,
  offset: number | undefined,
  length: number,
): boolean {
  return range.offset === offset && range.length === length && range.path === path;
}
