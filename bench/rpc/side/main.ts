/** The process of a server that only the benchmark has: `bun main.ts KIND WORK`; see ../servers/side.ts. */
import type { SideKind, SideMessage } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { serveBareHono } from "./bare-hono.ts";
import { serveBareHttp2 } from "./bare-http2.ts";
import type { Serve, SideCounts } from "./serve.ts";
import { serveStockConnect } from "./stock-connect.ts";

const kinds: Readonly<Record<SideKind, Serve>> = {
  "bare-http2": serveBareHttp2,
  "stock-connect": serveStockConnect,
  "bare-hono": serveBareHono,
};

const [kind, work] = process.argv.slice(2) as [SideKind, string];
const counts: SideCounts = { calls: 0, receivedBytes: 0 };
const tell = (message: SideMessage) => process.send!(message);

process.on("message", () => tell({ counts: { ...counts } }));
tell({ port: await kinds[kind](JSON.parse(work) as Work, counts) });
