/** Debian's Chromium, without a window. */
import { afterAll } from "bun:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { requirePeer } from "./peers.ts";

const executablePath = Bun.which("chromium") ?? "";

/** Whether there is one; where there is none, that is said, and a failure in CI. */
export const hasChromium = requirePeer("Chromium", () => executablePath !== "");

export interface WebOrigin {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Runs a module in a page of the origin, and resolves with what it printed; rejects with what it throws. */
  run(script: string, browserArgs?: readonly string[]): Promise<string[]>;
}

/** An origin with one page; ends after the test that calls, or, called outside of tests and hooks, after the test file. */
export function openOrigin(): WebOrigin {
  let script = "";
  const answer = (contentType: string, body: string) =>
    new Response(body, { headers: { "content-type": contentType } });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/": () =>
        answer(
          "text/html",
          '<!doctype html><link rel="icon" href="data:,"><script type="module" src="script.js"></script>',
        ),
      "/script.js": () => answer("text/javascript", `${script}\nglobalThis.hasEnded = true;`),
    },
  });
  afterAll(() => server.stop(true));
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    origin,
    run: (text, browserArgs = []) => {
      script = text;
      return runPage(origin, browserArgs);
    },
  };
}

async function runPage(url: string, browserArgs: readonly string[]): Promise<string[]> {
  // Chromium's sandbox does not work for root, whom containers run tests as; it sees no page but ours.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", ...browserArgs];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    const lines: string[] = [];
    page.on("console", (message) => lines.push(message.text()));
    const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
    failed.catch(() => undefined);
    await page.goto(url);
    await Promise.race([page.waitForFunction("globalThis.hasEnded"), failed]).catch((error) => {
      throw new Error(`the page failed; it printed ${JSON.stringify(lines)}`, { cause: error });
    });
    return lines;
  } finally {
    await browser.close();
  }
}

export interface WatchedPageOptions {
  readonly width: number;
  readonly colorScheme: "light" | "dark";
}

/** A page that must not complain, nor ask another origin for anything. */
export interface WatchedPage {
  readonly page: Page;
  /** What the console printed as an error or a warning, what was thrown, and requests to other origins. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** One browser for the pages of a test file; ends with it. */
export function openBrowser(): (url: string, options: WatchedPageOptions) => Promise<WatchedPage> {
  let launched: Promise<Browser> | undefined;
  afterAll(async () => (await launched)?.close());
  return async (url, { width, colorScheme }) => {
    launched ??= chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    const browser = await launched;
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
    page.on("request", (request) => {
      const target = new URL(request.url());
      const isInside = ["data:", "blob:"].includes(target.protocol);
      if (!isInside && target.origin !== new URL(url).origin) complaints.push(`asked ${request.url()}`);
    });
    await page.goto(url);
    return { page, complaints, close: () => context.close() };
  };
}
