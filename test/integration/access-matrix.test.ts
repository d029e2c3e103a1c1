/**
 * Every method of the table × every credential × every way to call: on both HTTP/2 servers by gRPC, gRPC-Web and Connect,
 * on the HTTP port by the latter two, in binary and in JSON. Implementations are stubs that tell that they were entered.
 */
import { afterAll, describe, expect, test } from "bun:test";
import {
  create,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodStreaming,
  type DescMethodUnary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { CertificateRules } from "../../src/auth/certificates.ts";
import { CredentialAuthenticator } from "../../src/auth/credentials.ts";
import { allScopes, anonymousIdentity, type Scope } from "../../src/auth/identity.ts";
import { TokenTable } from "../../src/auth/token-table.ts";
import { silentHttp2Observer } from "../../src/http2/observer.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { systemSecrets } from "../../src/platform/secrets.ts";
import { AccessControl } from "../../src/rpc/access.ts";
import { type Endpoint, exchange, serverStream, unary } from "../../src/rpc/endpoint.ts";
import { errorRegistry } from "../../src/rpc/errors.ts";
import { Gate } from "../../src/rpc/gate.ts";
import { methodAccess } from "../../src/rpc/method-access.ts";
import { type RefusedAccess, silentRpcObserver } from "../../src/rpc/observer.ts";
import { createEdge } from "../../src/server/edge.ts";
import { listenGrpc } from "../../src/server/grpc-listener.ts";
import { listenHttp } from "../../src/server/http-listener.ts";
import { serverSettings } from "../../src/server/settings.ts";
import { unlimitedAdmission } from "../support/everyone.ts";
import { everyTransport } from "../support/rpc-clients.ts";
import { type TestToken, testToken } from "../support/tokens.ts";

interface Credential {
  readonly name: string;
  readonly authorization: string | undefined;
  readonly scopes: readonly Scope[];
  /** Nobody's: everything but what is open is UNAUTHENTICATED. */
  readonly isBad?: true;
  /** May touch the tenant of the requests; undefined: is not limited. */
  readonly isOfTenant?: boolean;
}

const tenantId = "mine";
const tokens: TestToken[] = [];

function known(name: string, scopes: readonly Scope[], tenants?: readonly string[]): Credential {
  const token = testToken(scopes, { name, ...(tenants === undefined ? {} : { tenants }) });
  tokens.push(token);
  const { authorization } = token;
  return {
    name,
    authorization,
    scopes,
    ...(tenants === undefined ? {} : { isOfTenant: tenants.includes(tenantId) }),
  };
}

function bad(name: string, authorization: string): Credential {
  return { name, authorization, scopes: [], isBad: true };
}

const stranger = testToken(allScopes);
const expired = testToken(allScopes, { expiresAtMs: 1 });
const all = known("all scopes", allScopes);
tokens.push(expired);

const credentials: readonly Credential[] = [
  { name: "nothing", authorization: undefined, scopes: [], isBad: true },
  all,
  ...allScopes.map((scope) => known(scope, [scope])),
  known("its tenant's", ["read", "write"], ["other", tenantId]),
  known("its tenant's, reading", ["read"], [tenantId]),
  known("another tenant's", ["read", "write"], ["other"]),
  // No file holds such a row; the gate does not rely on that.
  known("its tenant's, with all scopes", allScopes, [tenantId]),
  bad("an expired token", expired.authorization),
  bad("an unknown token", stranger.authorization),
  bad("a wrong secret", `${all.authorization?.slice(0, -1)}${all.authorization?.endsWith("0") ? 1 : 0}`),
  bad("a malformed token", "Bearer pdb_nothing"),
  bad("another scheme", "Basic cGRiOnBkYg=="),
  bad("an oversized header", `Bearer pdb_${"0".repeat(4000)}`),
];

const entered: string[] = [];
const refused: RefusedAccess[] = [];

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function stub(method: DescMethod): Endpoint {
  const enter = () => {
    entered.push(nameOf(method));
    return {};
  };
  if (isUnary(method)) return unary(method, enter);
  if (method.methodKind === "server_streaming") {
    return serverStream(method as DescMethodServerStreaming, async function* () {
      yield enter();
    });
  }
  return exchange(method as DescMethodBiDiStreaming, async function* (requests) {
    for await (const _ of requests) yield enter();
  });
}

const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;

async function startEdge(http2: "native" | "node") {
  const observer = {
    ...silentRpcObserver,
    accessRefused: (refusal: RefusedAccess) => void refused.push(refusal),
  };
  const clock = systemClock;
  const table = new TokenTable(
    tokens.map(({ row }) => row),
    systemSecrets,
    clock,
  );
  const authenticator = new CredentialAuthenticator({
    anonymous: anonymousIdentity([]),
    tokens: () => table,
    certificates: new CertificateRules([]),
    clock,
  });
  const settings = serverSettings({ grpcPort: 0, httpPort: 0, http2 });
  const access = new AccessControl(authenticator, observer);
  const gate = new Gate({ clock, random: systemRandom, observer, access, admission: unlimitedAdmission() });
  gate.open();
  const edge = createEdge([...methodAccess.keys()].map(stub), {
    settings,
    gate,
    clock,
    observer,
    registry: errorRegistry,
    health: {
      health: () => ({ status: "healthy", reasons: [], checks: [], metrics: {} }),
      readiness: () => ({ ready: true, reasons: [], phase: "serving", percent: 100 }),
    },
    metricsAccess: undefined,
    metricsText: async () => ({ contentType: "text/plain", body: "" }),
    grpcPort: () => undefined,
  });
  const failed = () => undefined;
  const { host, tls } = settings;
  const http = listenHttp({ handle: edge.handleHttp, host, port: 0, tls, clock, failed });
  const common = { settings, edge, clock, observer, httpPort: http.port };
  const grpc = await listenGrpc({ ...common, http2Observer: silentHttp2Observer });
  const transports = everyTransport({
    grpcUrl: `http://127.0.0.1:${grpc.port}`,
    httpUrl: `http://127.0.0.1:${http.port}`,
  });
  afterAll(() => {
    for (const { close } of transports) close();
    grpc.destroy();
    http.destroy();
  });
  return transports;
}

/** A request about the tenant, where the method knows tenants. */
function requestOf({ input }: DescMethod) {
  const fields = new Set(input.fields.map(({ localName }) => localName));
  return create(input, {
    ...(fields.has("tenantId") ? { tenantId } : {}),
    ...(fields.has("entries") ? { entries: [{ tenantId }] } : {}),
  });
}

/** "OK", or the name of the status that the call ended with. */
async function statusOf(transport: Transport, method: DescMethod, authorization: string | undefined) {
  const header = authorization === undefined ? {} : { authorization };
  const request = requestOf(method);
  try {
    if (isUnary(method)) await transport.unary(method, undefined, 5000, header, request);
    else {
      const requests = (async function* () {
        yield request;
      })();
      const { message } = await transport.stream(
        method as DescMethodStreaming,
        undefined,
        5000,
        header,
        requests,
      );
      for await (const _ of message);
    }
    return "OK";
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    expect(message).not.toContain(authorization?.slice(-64) ?? "pdb_");
    return Code[code];
  }
}

/** What the documents promise, from the method's scope alone. */
function expected(method: DescMethod, { authorization, scopes, isBad, isOfTenant }: Credential): string {
  const { scope = "admin", special } = methodAccess.get(method) ?? {};
  if (scope === "open") return "OK";
  if (scope === "none" && authorization === undefined) return "OK";
  if (isBad) return "Unauthenticated";
  if (scope === "none") return "OK";
  if (scope === "any") return "OK";
  const isOfRecords = scope === "read" || scope === "write";
  if (isOfTenant !== undefined && !(isOfRecords && isOfTenant)) return "PermissionDenied";
  // What comes here of the special requests are none of those.
  expect(special?.scope ?? "cluster").toBe("cluster");
  return scopes.includes(scope) ? "OK" : "PermissionDenied";
}

/** Clients of HTTP/1.1 cannot exchange messages. */
function canCall(name: string, { methodKind }: DescMethod): boolean {
  return methodKind !== "bidi_streaming" || name === "gRPC on the gRPC port";
}

for (const http2 of ["native", "node"] as const) {
  describe(`on ${http2}`, async () => {
    const transports = await startEdge(http2);
    test.each([...transports])("by $name", async ({ name, transport }) => {
      for (const method of [...methodAccess.keys()].filter((each) => canCall(name, each))) {
        for (const credential of credentials) {
          entered.length = 0;
          refused.length = 0;
          const status = await statusOf(transport, method, credential.authorization);
          const wanted = expected(method, credential);
          expect([nameOf(method), credential.name, status]).toEqual([
            nameOf(method),
            credential.name,
            wanted,
          ]);
          expect(entered).toEqual(wanted === "OK" ? [nameOf(method)] : []);
          expect(refused).toHaveLength(wanted === "OK" ? 0 : 1);
        }
      }
    });
  });
}
