/** The HTTP application in-process: who is let in, and what the fixed paths say. */
import { beforeEach, describe, expect, test } from "bun:test";
import { cors } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { type RejectReason, silentRpcObserver } from "../../../src/rpc/observer.ts";
import { createHttpApp } from "../../../src/server/http-app.ts";
import { serverSettings } from "../../../src/server/settings.ts";
import type { HealthStatus } from "../../../src/telemetry/health/health-types.ts";

let calls = 0;
let isReady = true;
let status: HealthStatus = "healthy";
let rejections: RejectReason[] = [];
let failures: unknown[] = [];
let metricsError: Error | undefined;

beforeEach(() => {
  calls = 0;
  isReady = true;
  status = "healthy";
  rejections = [];
  failures = [];
  metricsError = undefined;
});

function appOf(settings: Parameters<typeof serverSettings>[0] = {}) {
  return createHttpApp({
    settings: serverSettings({ nodeId: "node-1", ...settings }),
    thinRpc: () => undefined,
    rpc: async () => {
      calls++;
      return { status: 200, header: new Headers(), body: createAsyncIterable([new Uint8Array([123, 125])]) };
    },
    health: {
      health: () => ({ status, reasons: ["why"], checks: [], metrics: { figure: "1" } }),
      readiness: () => ({ ready: isReady, reasons: [], phase: "tables", percent: 7 }),
    },
    metricsAccess: undefined,
    metricsText: async () => {
      if (metricsError !== undefined) throw metricsError;
      return { contentType: "text/plain; version=0.0.4", body: "up 1\n" };
    },
    observer: {
      ...silentRpcObserver,
      requestRejected: (reason) => rejections.push(reason),
      callFailed: (...failure) => failures.push(failure),
    },
    grpcPort: () => 50052,
  });
}

const rpcPath = "/storage.StorageNodeService/Read";

function rpc(headers: Record<string, string> = {}, method = "POST", path = rpcPath) {
  const all = { host: "127.0.0.1:9091", "content-type": "application/json", ...headers };
  return new Request(`http://127.0.0.1:9091${path}`, { method, headers: all });
}

describe("host", () => {
  test("a stranger's name is 421 before anything else is looked at", async () => {
    const response = await appOf().request(rpc({ host: "evil.example", "content-type": "text/plain" }));
    expect(response.status).toBe(421);
    expect(await response.text()).toContain('"evil.example"; add it to server.allowed_hosts');
    expect([calls, rejections]).toEqual([0, ["host"]]);
  });

  test("one that was allowed is let in", async () => {
    const response = await appOf({ allowedHosts: ["db.example"] }).request(rpc({ host: "db.example" }));
    expect([response.status, calls]).toEqual([200, 1]);
  });

  test("without a Host the URL's authority counts", async () => {
    const requestTo = (host: string) =>
      new Request(`http://${host}${rpcPath}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
      });
    expect((await appOf().request(requestTo("127.0.0.1:9091"))).status).toBe(200);
    expect((await appOf().request(requestTo("evil.example"))).status).toBe(421);
  });

  test("probes and metrics answer whatever they are called", async () => {
    for (const path of ["/health", "/ready", "/health/live", "/health/ready", "/metrics"]) {
      const response = await appOf().request(path, { headers: { host: "10.1.2.3:9091" } });
      expect([path, response.status]).toEqual([path, 200]);
    }
    expect((await appOf().request("/", { headers: { host: "10.1.2.3:9091" } })).status).toBe(421);
  });
});

describe("RPC", () => {
  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/proto",
    "application/connect+json",
    "application/connect+proto",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
  ])("%s is let in", async (contentType) => {
    const response = await appOf().request(rpc({ "content-type": contentType }));
    expect([response.status, calls]).toEqual([200, 1]);
  });

  test.each([
    "",
    "text/plain",
    "text/plain; a=application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json-patch+json",
    "application/jsonx",
    "application/json, text/plain",
    "application/grpc-web-text",
  ])("the content type %p is 415", async (contentType) => {
    const response = await appOf().request(rpc({ "content-type": contentType }));
    expect([response.status, calls, rejections]).toEqual([415, 0, ["content_type"]]);
  });

  test.each(["application/grpc", "application/grpc+proto"])(
    "%s is told the port of gRPC",
    async (contentType) => {
      const response = await appOf().request(rpc({ "content-type": contentType }));
      expect(response.status).toBe(415);
      expect(await response.text()).toContain("gRPC is served on port 50052");
    },
  );

  test.each(["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])("%s is 405", async (method) => {
    const response = await appOf().request(rpc({}, method));
    expect([response.status, response.headers.get("allow"), calls]).toEqual([405, "POST", 0]);
    expect(rejections).toEqual(["http_method"]);
  });

  test("Connect's GET is off", async () => {
    const query = "?connect=v1&encoding=json&message=%7B%7D";
    expect((await appOf().request(rpc({}, "GET", rpcPath + query))).status).toBe(405);
  });

  test("a page's path is no method", async () => {
    for (const path of ["/console/app", "/", "/a/b/c", "/storage.StorageNodeService"]) {
      expect((await appOf().request(rpc({}, "POST", path))).status).toBe(404);
    }
    expect(calls).toBe(0);
  });
});

describe("origin", () => {
  const preflight = (origin: string) =>
    rpc(
      { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
      "OPTIONS",
    );

  test.each(["https://evil.example", "null", "http://127.0.0.1:3000", "http://localhost:9091"])(
    "pages of %s are refused",
    async (origin) => {
      for (const request of [rpc({ origin }), preflight(origin)]) {
        const response = await appOf().request(request);
        expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, null]);
      }
      expect([calls, rejections]).toEqual([0, ["origin", "origin"]]);
    },
  );

  test("the node's own pages are let in, by either scheme", async () => {
    for (const origin of ["http://127.0.0.1:9091", "https://127.0.0.1:9091"]) {
      expect((await appOf().request(rpc({ origin }))).status).toBe(200);
    }
  });

  test("pages of an origin that was allowed call, and read the answer", async () => {
    const app = appOf({ corsOrigins: ["https://app.example"] });
    const asked = await app.request(preflight("https://app.example"));
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(asked.headers.get("access-control-allow-methods")).toBe("POST");
    const allowed = asked.headers.get("access-control-allow-headers")?.toLowerCase() ?? "";
    for (const header of cors.allowedHeaders) expect(allowed).toContain(header.toLowerCase());
    expect(calls).toBe(0);

    const answered = await app.request(rpc({ origin: "https://app.example" }));
    expect([answered.status, calls]).toEqual([200, 1]);
    expect(answered.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(answered.headers.get("access-control-expose-headers")?.toLowerCase()).toContain("grpc-status");
    expect((await app.request(rpc({ origin: "https://other.example" }))).status).toBe(403);
  });

  test("* allows every origin", async () => {
    const app = appOf({ corsOrigins: ["*"] });
    expect((await app.request(rpc({ origin: "https://any.example" }))).status).toBe(200);
  });
});

describe("probes and metrics", () => {
  const get = async (path: string, app = appOf()) => {
    const response = await app.request(path);
    return [response.status, await response.json()];
  };

  test("health tells status, reasons and figures, and is 503 when unhealthy only", async () => {
    for (const [current, code] of [
      ["healthy", 200],
      ["degraded", 200],
      ["unhealthy", 503],
    ] as const) {
      status = current;
      expect(await get("/health")).toEqual([
        code,
        { node_id: "node-1", status: current, reasons: ["why"], checks: [], metrics: { figure: "1" } },
      ]);
    }
  });

  test("readiness tells phase and percent, liveness is always 200", async () => {
    isReady = false;
    const report = { node_id: "node-1", ready: false, reasons: [], phase: "tables", percent: 7 };
    expect(await get("/ready")).toEqual([503, report]);
    expect(await get("/health/ready")).toEqual([503, report]);
    expect(await get("/health/live")).toEqual([200, { node_id: "node-1", status: "alive" }]);
    isReady = true;
    expect((await get("/ready"))[0]).toBe(200);
  });

  test("metrics are where they are configured, or nowhere", async () => {
    const response = await appOf({ metricsPath: "/m" }).request("/m");
    expect([response.headers.get("content-type"), await response.text()]).toEqual([
      "text/plain; version=0.0.4",
      "up 1\n",
    ]);
    const host = { headers: { host: "localhost" } };
    expect((await appOf({ metricsPath: "/m" }).request("/metrics", host)).status).toBe(404);
    expect((await appOf({ metricsPath: undefined }).request("/metrics", host)).status).toBe(404);
  });

  test("what fails within is reported, and told without its text", async () => {
    metricsError = new TypeError("secret");
    const response = await appOf().request("/metrics");
    expect([response.status, await response.text()]).toEqual([
      500,
      "internal error; the node's log has the cause\n",
    ]);
    expect(failures).toEqual([["/metrics", "", metricsError, "INTERNAL"]]);
  });
});
