import { expect, test } from "bun:test";
import { rpcShortcut } from "../../../src/server/rpc-shortcut.ts";

const path = "/storage.StorageNodeService/Read";

function shortcutOver(isAllowed: (host: string) => boolean) {
  const paths: string[] = [];
  const shortcut = rpcShortcut(isAllowed, (_, path) => {
    paths.push(path);
    return Promise.resolve(new Response("answer"));
  });
  const send = (method: string, headers: Record<string, string>) =>
    shortcut(new Request(`http://ours:9091${path}`, { method, headers }));
  return { send, paths };
}

test("a POST for one of our hosts and from no page takes it, and the host is decided once", () => {
  const asked: string[] = [];
  const { send, paths } = shortcutOver((host) => asked.push(host) > 0);
  expect(send("POST", { host: "ours:9091" })).toBeDefined();
  expect(send("POST", { host: "ours:9091" })).toBeDefined();
  expect([paths, asked]).toEqual([[path, path], ["ours:9091"]]);
});

test("what a guard might have a word about does not", () => {
  const { send, paths } = shortcutOver((host) => host === "ours:9091");
  expect(send("GET", { host: "ours:9091" })).toBeUndefined();
  expect(send("POST", { host: "theirs" })).toBeUndefined();
  expect(send("POST", { host: "theirs" })).toBeUndefined();
  expect(send("POST", {})).toBeUndefined();
  expect(send("POST", { host: "ours:9091", origin: "http://ours:9091" })).toBeUndefined();
  expect(paths).toEqual([]);
});
