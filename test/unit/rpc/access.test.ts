import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { everybodyIs } from "../../../src/auth/authenticator.ts";
import { allScopes, anonymousIdentity, type Identity, type Scope } from "../../../src/auth/identity.ts";
import { AdminService } from "../../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { StorageNodeService } from "../../../src/gen/storage/storage_node_pb.ts";
import { AccessControl, requestCheck } from "../../../src/rpc/access.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { type RefusedAccess, silentRpcObserver } from "../../../src/rpc/observer.ts";

const { read, write, healthCheck, drainNode } = StorageNodeService.method;
const request = { header: () => null, headers: () => new Headers(), peer: undefined, timeoutMs: undefined };

function accessOf(identity: Identity) {
  const refused: RefusedAccess[] = [];
  const observer = { ...silentRpcObserver, accessRefused: (refusal: RefusedAccess) => refused.push(refusal) };
  return { access: new AccessControl(everybodyIs(identity), observer), refused };
}

const reader: Identity = { name: "r", kind: "token", scopes: new Set(["read"]), tenants: undefined };

function throws(work: () => void): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

describe("AccessControl", () => {
  test("lets those in who have the method's scope", () => {
    const { access, refused } = accessOf(reader);
    expect(access.check(read)(request)).toBe(reader);
    expect(refused).toEqual([]);
  });

  test("tells those with credentials what they lack, and counts it", () => {
    const { access, refused } = accessOf(reader);
    expect(() => access.check(write)(request)).toThrow(
      expect.objectContaining({
        code: "PERMISSION_DENIED",
        message: 'this call needs the scope write, which the token "r" does not have',
      }),
    );
    expect(refused).toEqual([{ method: "Write", identity: reader, address: undefined, reason: "scope" }]);
  });

  test("asks those without credentials for some", () => {
    const { access, refused } = accessOf(anonymousIdentity(["read"]));
    expect(() => access.check(write)(request)).toThrow(expect.objectContaining({ code: "UNAUTHENTICATED" }));
    expect(refused.map(({ reason }) => reason)).toEqual(["no_credentials"]);
  });

  test("lets nobody who is limited to tenants near the whole node", () => {
    const limited: Identity = { ...reader, scopes: new Set(allScopes), tenants: new Set(["t"]) };
    const { access } = accessOf(limited);
    expect(() => access.check(drainNode)(request)).toThrow("not limited to tenants");
    expect(access.check(write)(request)).toBe(limited);
  });

  test("holds replicated batches against another scope than others", () => {
    const { batchWrite } = StorageNodeService.method;
    const check = requestCheck(batchWrite)!;
    const refusedOf = (scope: Scope, replicated: boolean): unknown => {
      const identity: Identity = { ...reader, scopes: new Set([scope]) };
      const { access } = accessOf(identity);
      expect(access.check(batchWrite)(request)).toBe(identity);
      const reasons: unknown[] = [];
      const call = { identity, accessRefused: (reason: unknown) => reasons.push(reason) } as unknown as Call;
      const batch = create(batchWrite.input, { replicated, entries: [{ tenantId: "t" }] });
      return throws(() => check(batch, call)) ? reasons[0] : undefined;
    };
    expect(refusedOf("write", false)).toBeUndefined();
    expect(refusedOf("write", true)).toBe("scope");
    expect(refusedOf("cluster", true)).toBeUndefined();
    expect(refusedOf("cluster", false)).toBe("scope");
  });

  test("lets everybody ask who he is, and looks at his credentials", () => {
    const { whoAmI } = AdminService.method;
    expect(accessOf(anonymousIdentity([])).access.check(whoAmI)(request).scopes.size).toBe(0);
    const limited: Identity = { ...reader, tenants: new Set(["t"]) };
    expect(accessOf(limited).access.check(whoAmI)(request)).toBe(limited);
  });

  test("lets everybody ask after the node's health", () => {
    expect(accessOf(anonymousIdentity([])).access.check(healthCheck)(request).scopes.size).toBe(0);
  });
});
