/** Every test of the edge once more, on the runtime's HTTP/2 server in place of our own. */
import { afterAll } from "bun:test";

process.env["PAIRDB_TEST_HTTP2"] = "node";
afterAll(() => {
  delete process.env["PAIRDB_TEST_HTTP2"];
});

await import("./edge-admin.test.ts");
await import("./edge-bad-input.test.ts");
await import("./edge-bulk.test.ts");
await import("./edge-calls.test.ts");
await import("./edge-failures.test.ts");
await import("./edge-foreign-clients.test.ts");
await import("./edge-lifecycle.test.ts");
await import("./edge-standard-services.test.ts");
