/**
 * Brings a node level with another one: what that holds and this one lacks, or holds differently. What only this node has
 * stays as it is, and so does what it has newer.
 *
 * Nothing has to be remembered of a run that ended early: the next one finds what is still to do.
 */
import { printJson } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { type Progress, startProgress } from "../progress.ts";
import { compareNodes } from "./comparison.ts";
import { KeyCopier } from "./copying.ts";
import { type PeerOptions, splitTenantAndKey, withBoth } from "./peer-options.ts";

export interface RepairFromOptions extends PeerOptions {
  readonly from: string;
}

/** Keys, by what was found of them before they were copied. */
interface Repaired {
  missingHere: number;
  different: number;
  missingThere: number;
  copied: number;
  gone: number;
}

export async function repairFrom(context: CommandContext, options: RepairFromOptions): Promise<void> {
  const progress = startProgress(context, "repair");
  let repaired: Repaired;
  try {
    repaired = await copyDifferences(context, options, progress);
  } finally {
    progress.stop();
  }
  const { missingHere, different, missingThere, copied, gone } = repaired;
  if (options.json) {
    const found = { missing_here: missingHere, different, missing_there: missingThere };
    await printJson(context, { ...found, copied, gone_meanwhile: gone });
    return;
  }
  const goneText = gone === 0 ? "" : `; ${gone} were gone when they were to be copied`;
  context.note(
    `copied ${copied} keys: ${missingHere} missing here, ${different} different${goneText}; ` +
      `${missingThere} are missing there, and left alone`,
  );
}

async function copyDifferences(
  context: CommandContext,
  options: RepairFromOptions,
  progress: Progress,
): Promise<Repaired> {
  return withBoth(context, options, options.from, async (here, there) => {
    progress.update(0, "both nodes sum up their records");
    const scope = { tenantId: options.tenant, ranges: options.range };
    const comparison = await compareNodes(here, there, scope, context.environment.clock.nowMs());
    const found = { missing_here: 0, missing_there: 0, different: 0 };
    const copier = new KeyCopier(there, here);
    for await (const { key: tenantAndKey, kind } of comparison.differences()) {
      found[kind]++;
      if (kind === "missing_there") continue;
      const { tenantId, key } = splitTenantAndKey(tenantAndKey);
      await copier.copy(tenantId, key);
      progress.update(copier.copiedCount, `${copier.copiedCount} keys copied`);
    }
    await copier.finish();
    return {
      missingHere: found.missing_here,
      different: found.different,
      missingThere: found.missing_there,
      copied: copier.copiedCount,
      gone: copier.goneCount,
    };
  });
}
