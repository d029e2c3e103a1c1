/** Debian's Chromium, without a window. */
import { afterAll } from "bun:test";
import { chromium } from "playwright-core";
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
