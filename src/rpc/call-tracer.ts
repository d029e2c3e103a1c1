/** What follows calls from node to node, where somebody asked for it. It returns at once and never throws. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { CallRequest } from "./call.ts";
import type { FinishedCall } from "./observer.ts";
import type { WorkClass } from "./overload/work-class.ts";

export interface CallTracer {
  /** An admitted call begins. Undefined where it is not followed. */
  begin(method: DescMethod, request: CallRequest): CallSpan | undefined;
}

/** One call that is followed. */
export interface CallSpan {
  /** The call has not been answered at once: it waits for the disk, by its first wait. */
  waits(workClass: WorkClass): void;
  end(call: FinishedCall): void;
}
