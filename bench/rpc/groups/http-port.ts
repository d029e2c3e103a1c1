/** Unary calls on the HTTP port, over HTTP/1.1: 64 connections with one call each in flight. */
import { atLeastTimes } from "../../engine/row.ts";
import type { Group } from "../group.ts";
import { ours } from "../servers/ours.ts";
import { side } from "../servers/side.ts";
import type { Work } from "../work.ts";
import { rateCase } from "./rates.ts";

const work: Work = { operation: "read", valueBytes: 100, connectionCount: 64, streamCount: 1 };

const peers = {
  "Connect's stock handler behind Hono": side("stock-connect"),
  "bare Hono route": side("bare-hono"),
};

export const httpPortGroup: Group = {
  name: "http-port",
  title: "Reads of 100 bytes over HTTP/1.1",
  cases: [
    rateCase({
      name: "Connect unary Read, 64 × 1",
      work,
      servers: {
        ours: ours({ protocol: "connect" }),
        ...peers,
        "ours, gRPC-Web": ours({ protocol: "grpc-web" }),
      },
      bars: (figures) => [
        ...atLeastTimes(figures, 3, "Connect's stock handler behind Hono"),
        ...atLeastTimes(figures, 0.7, "bare Hono route").map((bar) => ({
          ...bar,
          text: `${bar.text} (stretch)`,
        })),
      ],
    }),
  ],
};
