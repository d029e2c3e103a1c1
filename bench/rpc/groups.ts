/** All groups, in the order of the results. */
import type { Group } from "./group.ts";
import { bulkGroup } from "./groups/bulk.ts";
import { callsGroup } from "./groups/calls.ts";
import { httpPortGroup } from "./groups/http-port.ts";
import { latencyGroup } from "./groups/latency.ts";
import { observationGroup } from "./groups/observation.ts";
import { sizesGroup } from "./groups/sizes.ts";
import { tlsGroup } from "./groups/tls.ts";
import { varietyGroup } from "./groups/variety.ts";

export const groups: readonly Group[] = [
  callsGroup,
  sizesGroup,
  bulkGroup,
  httpPortGroup,
  tlsGroup,
  varietyGroup,
  latencyGroup,
  observationGroup,
];
