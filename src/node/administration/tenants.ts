/**
 * The tenants of the store, found by skipping: the first key that is there tells a tenant, the next look is behind the
 * last key that this one could have. So a page takes one seek for each tenant, however many records they have.
 */
import { emptyBytes } from "../../base/bytes.ts";
import { nextTurn } from "../../base/next-turn.ts";
import { type EngineKeyRange, engineKeyRange, splitEngineKey } from "../keys.ts";
import type { AdministeredStore } from "./administered-store.ts";

export interface TenantSize {
  readonly tenantId: string;
  readonly approximateTableBytes: number;
  readonly approximateMemtableBytes: number;
}

export interface TenantPage {
  readonly tenants: readonly TenantSize[];
  /** More follow after the last one. */
  readonly hasMore: boolean;
}

/** All keys that a tenant can have. */
export function tenantRange(tenantId: string): EngineKeyRange {
  return engineKeyRange(tenantId, "", "", "");
}

/** Rejects as reads of a view do. */
export async function listTenants(
  store: AdministeredStore,
  afterTenantId: string,
  pageSize: number,
): Promise<TenantPage> {
  const view = store.view();
  try {
    const cursor = view.cursor(undefined, undefined);
    const tenants: TenantSize[] = [];
    let from = afterTenantId === "" ? emptyBytes : tenantRange(afterTenantId).end;
    for (;;) {
      // Other work runs in between: a seek and a size look at every table.
      await nextTurn();
      await view.whenStretchResident(from);
      cursor.seek(from);
      if (!cursor.valid || tenants.length === pageSize) return { tenants, hasMore: cursor.valid };
      const { tenantId } = splitEngineKey(cursor.key);
      const range = tenantRange(tenantId);
      tenants.push(sizeOf(store, tenantId, range));
      from = range.end;
    }
  } finally {
    view.close();
  }
}

function sizeOf(store: AdministeredStore, tenantId: string, { start, end }: EngineKeyRange): TenantSize {
  const { tableBytes, memtableBytes } = store.approximateSize(start, end);
  return { tenantId, approximateTableBytes: tableBytes, approximateMemtableBytes: memtableBytes };
}
