import { afterAll } from "bun:test";
import { SocketLink } from "../../src/http2/socket-link.ts";

/**
 * Until the calling test file ends, what a socket brought is overwritten as soon as its connection has read it, so that
 * whoever keeps a range of it shows.
 */
export function poisonReads(): void {
  const { read } = SocketLink.prototype;
  SocketLink.prototype.read = function (bytes, start, length, nowMs) {
    read.call(this, bytes, start, length, nowMs);
    bytes.fill(0xdd, start, start + length);
  };
  afterAll(() => {
    SocketLink.prototype.read = read;
  });
}
