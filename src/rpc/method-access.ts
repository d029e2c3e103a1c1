/**
 * The one table from methods to what their callers need. A method that is not in it cannot be called.
 *
 * A caller who is limited to tenants may call what names its tenants, and what is open to all; the tenants of a
 * request are looked at once it is decoded.
 */
import type { DescMessage, DescMethod, Message, MessageShape } from "@bufbuild/protobuf";
import type { Scope } from "../auth/identity.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AdminService } from "../gen/pairdb/admin/v1/admin_pb.ts";
import { StorageNodeService } from "../gen/storage/storage_node_pb.ts";

export interface MethodAccess {
  /** `open`: nothing, credentials are not looked at; `none`: nothing, but they are; `any`: any scope at all. */
  readonly scope: Scope | "any" | "none" | "open";
  /** The tenants that a request is about; undefined: it may be about all of them. */
  readonly tenants: ((request: Message) => Iterable<string>) | undefined;
  /** Some requests, which only decoding tells, need another scope instead. */
  readonly special: SpecialRequests<Message> | undefined;
}

interface SpecialRequests<Request> {
  readonly scope: Scope;
  readonly includes: (request: Request) => boolean;
}

type Row = readonly [DescMethod, MethodAccess];

function open(method: DescMethod): Row {
  return [method, { scope: "open", tenants: undefined, special: undefined }];
}

function forAnybody(method: DescMethod): Row {
  return [method, { scope: "any", tenants: undefined, special: undefined }];
}

function forEverybody(method: DescMethod): Row {
  return [method, { scope: "none", tenants: undefined, special: undefined }];
}

function ofNode(method: DescMethod, scope: Scope): Row {
  return [method, { scope, tenants: undefined, special: undefined }];
}

function ofTenants<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
  scope: Scope,
  tenants: (request: MessageShape<I>) => Iterable<string>,
  special?: SpecialRequests<MessageShape<I>>,
): Row {
  // Requests of a method are of its input's type, which a table of all methods cannot say.
  return [method, { scope, tenants, special } as unknown as MethodAccess];
}

const one = ({ tenantId }: { readonly tenantId: string }): string[] => [tenantId];

const each = ({ entries }: { readonly entries: readonly { readonly tenantId: string }[] }): string[] =>
  entries.map(({ tenantId }) => tenantId);

const replicatedBatches = {
  scope: "cluster",
  includes: ({ replicated }: { readonly replicated: boolean }) => replicated,
} as const;

const admin = AdminService.method;
const health = Health.method;
const storage = StorageNodeService.method;

export const methodAccess: ReadonlyMap<DescMethod, MethodAccess> = new Map<DescMethod, MethodAccess>([
  open(storage.healthCheck),
  ofTenants(storage.read, "read", one),
  ofTenants(storage.batchRead, "read", one, replicatedBatches),
  ofTenants(storage.scan, "read", one),
  ofTenants(storage.write, "write", one),
  ofTenants(storage.delete, "write", one),
  ofTenants(storage.batchWrite, "write", each, replicatedBatches),
  ofNode(storage.repair, "cluster"),
  ofNode(storage.replicateData, "cluster"),
  ofNode(storage.streamKeys, "cluster"),
  ofNode(storage.getKeyRange, "cluster"),
  ofNode(storage.getRangeChecksum, "cluster"),
  ofNode(storage.listRangeDigests, "cluster"),
  ofNode(storage.startStreaming, "cluster"),
  ofNode(storage.stopStreaming, "cluster"),
  ofNode(storage.getStreamStatus, "cluster"),
  ofNode(storage.notifyStreamingComplete, "cluster"),
  ofNode(storage.drainNode, "cluster"),
  forEverybody(admin.whoAmI),
  ofNode(admin.getStatus, "observe"),
  ofNode(admin.listLevels, "observe"),
  ofNode(admin.listTables, "observe"),
  ofNode(admin.listTenants, "observe"),
  ofNode(admin.listStreams, "observe"),
  ofNode(admin.getConfiguration, "observe"),
  ofNode(admin.listMembers, "observe"),
  ofNode(admin.slowRequests, "observe"),
  ofNode(admin.tailLog, "observe"),
  ofNode(admin.watchStats, "observe"),
  ofNode(admin.flush, "admin"),
  ofNode(admin.compact, "admin"),
  ofNode(admin.checkpoint, "admin"),
  ofNode(admin.createBackup, "admin"),
  ofNode(admin.pauseCompaction, "admin"),
  ofNode(admin.resumeCompaction, "admin"),
  ofNode(admin.deleteTenant, "admin"),
  ofNode(admin.undrain, "admin"),
  ofNode(admin.setLogLevel, "admin"),
  open(health.check),
  open(health.list),
  open(health.watch),
  forAnybody(ServerReflection.method.serverReflectionInfo),
  forAnybody(ServerReflectionAlpha.method.serverReflectionInfo),
]);

/** Whether each call of the method goes into the audit log. */
export function isAudited(method: DescMethod): boolean {
  return methodAccess.get(method)?.scope === "admin";
}
