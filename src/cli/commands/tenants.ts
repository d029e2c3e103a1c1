/** `tenants`: the tenants of a node with their sizes. */
import type { Command } from "commander";
import { TenantSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import { describeNodeCommand, type NodeOptions, printMessage, withConnection } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { escapeText } from "../records/tsv.ts";
import { bytesText } from "../units.ts";

export function tenantsCommand(context: CommandContext): Command {
  return describeNodeCommand("tenants", "List tenants: id, tab, about how much they take.", [
    "tenants",
    "tenants --json",
  ]).action((options: NodeOptions) => tenants(context, options));
}

async function tenants(context: CommandContext, options: NodeOptions): Promise<void> {
  await withConnection(context, options, async ({ admin }) => {
    let pageToken = "";
    do {
      const page = await admin.listTenants({ pageSize: 1000, pageToken });
      for (const tenant of page.tenants) {
        if (options.json) await printMessage(context, TenantSchema, tenant);
        else {
          const sizeBytes = tenant.approximateTableBytes + tenant.approximateMemtableBytes;
          await context.print(`${escapeText(tenant.tenantId)}\t${bytesText(sizeBytes)}\n`);
        }
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  });
}
