/** One thing that is wrong with a file, as the tools that verify find it. */
export interface Finding {
  readonly file: string;
  /** Where the damaged part begins. */
  readonly offset: number;
  readonly message: string;
}
