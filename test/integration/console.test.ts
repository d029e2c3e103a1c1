/** The console in a browser, against a node with data and traffic. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import type { Page } from "playwright-core";
import { KeyValueEntrySchema, StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { hasChromium, openBrowser } from "../support/browser.ts";
import { startNode } from "../support/node-process.ts";

setDefaultTimeout(120_000);

const maxBundleBytes = 300_000;

const node = await startNode();
const openPage = openBrowser();
const storage = createClient(StorageNodeService, createConnectTransport({ baseUrl: node.httpUrl }));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const entry = (tenantId: string, key: string, value: string) =>
  create(KeyValueEntrySchema, { tenantId, key, value: new TextEncoder().encode(value) });

await storage.batchWrite({
  entries: Array.from({ length: 300 }, (_, place) =>
    entry("shop", `item:${String(place).padStart(4, "0")}`, JSON.stringify({ place })),
  ),
});

/** Findings of the accessibility checks that keep somebody out. */
async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

test("the page and all it needs are small, and may run nothing but their own code", async () => {
  const page = await fetch(`${node.httpUrl}/console`);
  expect(page.headers.get("content-security-policy")).toStartWith("default-src 'none'; script-src 'self'; ");
  const parts = ["/console", "/console/main.js", "/console/main.css"];
  const sizes = await Promise.all(
    parts.map(async (path) => {
      const answer = await fetch(`${node.httpUrl}${path}`, { headers: { "accept-encoding": "gzip" } });
      expect(answer.status).toBe(200);
      return Bun.gzipSync(await answer.arrayBuffer()).length;
    }),
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(maxBundleBytes);
});

/** Each view, and what is there once it has its figures. */
const views: readonly (readonly [hash: string, selector: string])[] = [["overview", ".tile"]];

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1280, 390]) {
    test.if(hasChromium)(`every view in ${colorScheme}, ${width} pixels wide`, async () => {
      const { page, complaints, close } = await openPage(`${node.httpUrl}/console`, { width, colorScheme });
      for (const [hash, selector] of views) {
        await page.goto(`${node.httpUrl}/console#/${hash}`);
        await page.locator(selector).first().waitFor();
        expect(await seriousFindings(page)).toEqual([]);
        // Wide content scrolls inside of its own box.
        expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(
          width,
        );
      }
      expect(complaints).toEqual([]);
      await close();
    });
  }
}
