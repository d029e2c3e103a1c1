/** `delete-tenant ID`: deletes all that one node holds of a tenant. */
import type { Command } from "commander";
import { StorageError } from "../../base/errors.ts";
import { DeleteTenantResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { bytesText } from "../units.ts";

interface DeleteTenantOptions extends NodeOptions {
  readonly yes?: true;
}

export function deleteTenantCommand(context: CommandContext): Command {
  return describeNodeCommand("delete-tenant", "Delete all records of a tenant on this node alone.", [
    "delete-tenant old-shop --yes",
  ])
    .argument("<id>", "the tenant's id")
    .option("--yes", "really: nothing brings the records back")
    .action((tenantId: string, options: DeleteTenantOptions) => deleteTenant(context, tenantId, options));
}

async function deleteTenant(
  context: CommandContext,
  tenantId: string,
  options: DeleteTenantOptions,
): Promise<void> {
  if (!options.yes) {
    throw new StorageError(
      "INVALID_ARGUMENT",
      `nothing brings the records of ${JSON.stringify(tenantId)} back; --yes deletes them`,
    );
  }
  const answer = await withConnection(context, options, ({ admin }) =>
    admin.deleteTenant({ tenantId, confirmTenantId: tenantId }),
  );
  if (options.json) await printMessage(context, DeleteTenantResponseSchema, answer);
  else
    context.note(
      `deleted about ${bytesText(answer.approximateBytes)} on this node; others keep what they hold`,
    );
}
