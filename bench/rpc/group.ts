/** Cases that belong together, in the results and in the document. */
import type { Row } from "../engine/row.ts";
import type { ContestSettings } from "./contest.ts";

export interface Group {
  readonly name: string;
  /** As a heading of the document. */
  readonly title: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  run(settings: ContestSettings): Promise<Row>;
}
