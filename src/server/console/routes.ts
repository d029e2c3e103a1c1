/**
 * The console: one page with one script and one style sheet, all from this node.
 *
 *   GET /console             the page
 *   GET /console/main.js     its code
 *   GET /console/main.css    its styles
 *
 * They hold nothing of the node, so everybody may have them; what the page shows comes from calls with the caller's
 * own credentials. The policy lets the page load from and talk to its own origin alone, and run no script but its own.
 */
import type { Hono } from "hono";
import { compress } from "hono/compress";
import type { AppEnvironment } from "../http-app.ts";

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Values that are images come as blobs, the page's icon as data.
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers = {
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  // A node of another version may answer next time.
  "cache-control": "no-cache",
};

/** Paths are relative, so that a proxy may put the page below a path of its own. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>PairDB console</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%230d7377'/%3E%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='white' stroke-width='1.6'/%3E%3C/svg%3E">
<link rel="stylesheet" href="console/main.css">
<script type="module" src="console/main.js"></script>
</head>
<body><div id="app"></div><noscript>The console needs JavaScript.</noscript></body>
</html>
`;

export function addConsole(app: Hono<AppEnvironment>): void {
  app.use("/console/*", compress());
  app.get("/console", (context) => context.html(page, 200, headers));
  app.get("/console/main.js", async (context) => {
    const { script } = await import("./assets.ts");
    return context.body(script, 200, { ...headers, "content-type": "text/javascript; charset=utf-8" });
  });
  app.get("/console/main.css", async (context) => {
    const { styles } = await import("./assets.ts");
    return context.body(styles, 200, { ...headers, "content-type": "text/css; charset=utf-8" });
  });
}
