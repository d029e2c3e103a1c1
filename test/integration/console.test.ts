/** The console in a browser, against a node with data and traffic. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import type { Page } from "playwright-core";
import { AdminService } from "../../src/gen/pairdb/admin/v1/admin_pb.ts";
import { KeyValueEntrySchema, StorageNodeService } from "../../src/gen/storage/storage_node_pb.ts";
import { hasChromium, openBrowser } from "../support/browser.ts";
import { startNode } from "../support/node-process.ts";

setDefaultTimeout(120_000);

const maxBundleBytes = 300_000;

const node = await startNode();
const openPage = openBrowser();
const transport = createConnectTransport({ baseUrl: node.httpUrl });
const storage = createClient(StorageNodeService, transport);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const entry = (tenantId: string, key: string, value: string) =>
  create(KeyValueEntrySchema, { tenantId, key, value: new TextEncoder().encode(value) });

const hostileTenant = "<b>odd</b>";
/** Each key, and how it is shown. */
const hostileKeys: readonly (readonly [key: string, shown: string])[] = [
  ["<script>document.title='run'</script>", "<script>document.title='run'</script>"],
  ["with\ttab\nand line", "with\\ttab\\nand line"],
  ["\u202eright \u05d0\u05d1", "\\u{202e}right \u05d0\u05d1"],
  ["e\u0301\u0301", "e\u0301\u0301"],
  ["k".repeat(1024), "k".repeat(1024)],
];

await storage.batchWrite({
  entries: [
    ...Array.from({ length: 900 }, (_, place) =>
      entry("shop", `item:${String(place).padStart(4, "0")}`, JSON.stringify({ place })),
    ),
    ...hostileKeys.map(([key]) => entry(hostileTenant, key, "<img src=x onerror=document.title='run'>")),
  ],
});
await createClient(AdminService, transport).flush({});
for (const coordinatorNodeId of ["node-a", "node-b"]) {
  await storage.write({
    tenantId: "shop",
    key: "cart",
    value: new TextEncoder().encode(coordinatorNodeId),
    vectorClock: { entries: [{ coordinatorNodeId, logicalTimestamp: 3n }] },
  });
}

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
const views: readonly (readonly [hash: string, selector: string])[] = [
  ["overview", ".tile"],
  ["data?tenant=shop&key=cart", ".clock"],
  ["storage", ".block"],
  ["cluster", ".panel .badge"],
  ["diagnostics", ".settings td"],
];

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

const desktop = { width: 1280, colorScheme: "light" } as const;

test.if(hasChromium)("an answer that takes longer than the time between two looks is shown", async () => {
  const { page, complaints, close } = await openPage(`${node.httpUrl}/console#/cluster`, desktop);
  // Repeated every two seconds.
  await page.route("**/pairdb.admin.v1.AdminService/ListTables", async (route) => {
    await Bun.sleep(2500);
    await route.continue();
  });
  await page.getByRole("link", { name: "Storage" }).click();
  await page.locator(".block").first().waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test.if(hasChromium)("keys of all kinds are shown as what they are, and nothing of them runs", async () => {
  const { page, complaints, close } = await openPage(
    `${node.httpUrl}/console#/data?tenant=${encodeURIComponent(hostileTenant)}`,
    desktop,
  );
  await page
    .locator(".key-list a")
    .nth(hostileKeys.length - 1)
    .waitFor();
  const shown = await page.locator(".key-list bdi").allTextContents();
  expect(shown.toSorted()).toEqual(hostileKeys.map(([, text]) => text).toSorted());
  for (const [, text] of hostileKeys) {
    await page.locator(".key-list a", { hasText: text }).first().click();
    await page.locator(".record h2", { hasText: text }).waitFor();
    expect(await page.locator(".record pre").textContent()).toBe("<img src=x onerror=document.title='run'>");
  }
  expect(await page.title()).toBe("Data · PairDB console");
  expect(complaints).toEqual([]);
  await close();
});

test.if(hasChromium)("a long list holds few rows, and more keys come as it is scrolled", async () => {
  const { page, complaints, close } = await openPage(`${node.httpUrl}/console#/data?tenant=shop`, desktop);
  const list = page.locator(".key-list");
  await list.locator("a").first().waitFor();
  const last = list.locator("a", { hasText: "item:0899" });
  while ((await last.count()) === 0) {
    await list.evaluate((box) => Object.assign(box, { scrollTop: 1e9 }));
    expect(await list.locator("a").count()).toBeLessThan(100);
  }
  await page.getByText("901 keys").waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test.if(hasChromium)("a record is written, changed under the writer's eyes, and deleted", async () => {
  const { page, complaints, close } = await openPage(`${node.httpUrl}/console#/data?tenant=work`, desktop);
  await page.getByRole("button", { name: "New record" }).click();
  await page.getByLabel("Key", { exact: true }).fill("note");
  await page.getByLabel("Value", { exact: true }).fill("first");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator(".record pre", { hasText: "first" }).waitFor();

  await page.getByRole("button", { name: "Edit" }).click();
  await storage.write({ tenantId: "work", key: "note", value: new TextEncoder().encode("foreign") });
  await page.getByLabel("Value", { exact: true }).fill("mine");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator(".changed pre", { hasText: "foreign" }).waitFor();
  const held = await storage.read({ tenantId: "work", key: "note" });
  expect(new TextDecoder().decode(held.value)).toBe("foreign");
  await page.getByRole("button", { name: "Write mine all the same" }).click();
  await page.locator(".record pre", { hasText: "mine" }).waitFor();

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete the record" }).click();
  await page.getByText("There is no live value under this key.").waitFor();
  expect((await storage.read({ tenantId: "work", key: "note" })).success).toBe(false);
  expect(complaints).toEqual([]);
  await close();
});

test.if(hasChromium)("what others write at the moment of a change stays beside it", async () => {
  const { page, complaints, close } = await openPage(`${node.httpUrl}/console#/data?tenant=work`, desktop);
  const values = async () => {
    const { siblings } = await storage.read({ tenantId: "work", key: "race", includeSiblings: true });
    return siblings.map(({ isTombstone, value }) =>
      isTombstone ? "deleted" : new TextDecoder().decode(value),
    );
  };
  // Between the console's last look and its own call.
  const foreignWriteBefore = (method: string, value: string) =>
    page.route(`**/storage.StorageNodeService/${method}`, async (route) => {
      await storage.write({ tenantId: "work", key: "race", value: new TextEncoder().encode(value) });
      await route.continue();
    });
  await foreignWriteBefore("Write", "foreign");
  await page.getByRole("button", { name: "New record" }).click();
  await page.getByLabel("Key", { exact: true }).fill("race");
  await page.getByLabel("Value", { exact: true }).fill("mine");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.locator(".sibling pre", { hasText: "foreign" }).waitFor();
  expect((await values()).toSorted()).toEqual(["foreign", "mine"]);

  await foreignWriteBefore("Delete", "newer");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete the record" }).click();
  await page.locator(".sibling pre", { hasText: "newer" }).waitFor();
  expect(await values()).toEqual(["newer", "deleted"]);
  expect(complaints).toEqual([]);
  await close();
});

test.if(hasChromium)("a node that dies is missed, and found again by itself", async () => {
  const first = await startNode();
  const { page, close } = await openPage(`${first.httpUrl}/console`, desktop);
  const connection = page.locator(".top .badge");
  await connection.filter({ hasText: "live" }).waitFor();
  await first.kill();
  await page.getByText("The connection to the node is lost.").waitFor();
  await startNode({ args: ["--http-port", String(first.httpPort)] });
  await connection.filter({ hasText: "live" }).waitFor();
  expect(await page.locator(".lost").count()).toBe(0);
  await close();
});
