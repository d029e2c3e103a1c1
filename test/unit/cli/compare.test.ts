/** `compare` and `repair --from`, between two nodes in the same process. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type NodeConnection } from "../../../src/cli/client.ts";
import { command, serve } from "../../support/command-line.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const clockOf = (nodeId: string, timestamp: number) => ({
  entries: [{ coordinatorNodeId: nodeId, logicalTimestamp: BigInt(timestamp) }],
});

const here = await serve(["--node-id", "here"]);
const there = await serve(["--node-id", "there"]);
const noCredentials = { authorization: undefined, tls: undefined };
const onHere = connect(here.address, noCredentials);
const onThere = connect(there.address, noCredentials);
afterAll(() => [onHere, onThere].forEach((connection) => void connection.close()));

const everyTenant = ["shop", "a tenant", "ü"];

function write(to: NodeConnection, key: string, value: string, clock: [string, number], tenantId = "shop") {
  return to.service.write({ tenantId, key, value: bytes(value), vectorClock: clockOf(...clock) });
}

function remove(from: NodeConnection, key: string, clock: [string, number]) {
  return from.service.delete({ tenantId: "shop", key, vectorClock: clockOf(...clock) });
}

beforeAll(async () => {
  for (let i = 0; i < 150; i++) {
    for (const node of [onHere, onThere])
      await write(node, `same-${i}`, `v${i}`, ["c", 1], everyTenant[i % 3]);
  }
  await write(onHere, "only here", "h", ["c", 1]);
  await write(onThere, "only there", "t", ["c", 1]);
  await write(onThere, "tab\tkey", "t", ["c", 1], "ü");
  await write(onHere, "newer here", "2", ["c", 2]);
  await write(onThere, "newer here", "1", ["c", 1]);
  await write(onHere, "newer there", "1", ["c", 1]);
  await write(onThere, "newer there", "2", ["c", 2]);
  await write(onHere, "concurrent", "left", ["c", 1]);
  await write(onThere, "concurrent", "right", ["d", 1]);
  await write(onHere, "deleted there", "1", ["c", 1]);
  await remove(onThere, "deleted there", ["c", 2]);
  await remove(onThere, "tombstone there", ["c", 1]);
  for (const node of ["d", "e", "f"]) await write(onThere, "siblings there", node, [node, 1]);
});

async function run(...args: string[]) {
  const outcome = await command([...args, "--addr", here.address]);
  const stdout = new TextDecoder().decode(outcome.stdout);
  return { ...outcome, stdout, lines: stdout.trimEnd().split("\n") };
}

const isSame = (key: string) => key.startsWith("same-");

describe("compare", () => {
  test("counts what is missing and what differs, and exits with 1", async () => {
    const { exitCode, lines } = await run("compare", "--with", there.address);
    expect(exitCode).toBe(1);
    expect(lines).toEqual([
      "records here   155",
      "records there  158",
      "missing here   4",
      "missing there  1",
      "different      4",
    ]);
  });

  test("lists the keys in order, escaped, or as JSON", async () => {
    const wanted = [
      ["different", "shop", "concurrent"],
      ["different", "shop", "deleted there"],
      ["different", "shop", "newer here"],
      ["different", "shop", "newer there"],
      ["missing_there", "shop", "only here"],
      ["missing_here", "shop", "only there"],
      ["missing_here", "shop", "siblings there"],
      ["missing_here", "shop", "tombstone there"],
      ["missing_here", "ü", "tab\tkey"],
    ] as const;
    const { exitCode, lines, stderr } = await run("compare", "--with", there.address, "--keys");
    expect(exitCode).toBe(1);
    expect(lines).toEqual(wanted.map((row) => row.join("\0").replace("\t", "\\t").replaceAll("\0", "\t")));
    expect(stderr).toContain("missing here   4\n");

    const json = await run("compare", "--with", there.address, "--keys", "--json");
    expect(json.lines.map((line) => JSON.parse(line))).toEqual([
      ...wanted.map(([difference, tenant, key]) => ({ difference, tenant, key })),
      {
        equal: false,
        records_here: 155,
        records_there: 158,
        missing_here: 4,
        missing_there: 1,
        different: 4,
      },
    ]);
  });

  test("looks at a tenant alone, and at ranges of hashes alone", async () => {
    const ofTenant = await run("compare", "--with", there.address, "--tenant", "a tenant", "--json");
    expect([ofTenant.exitCode, ofTenant.stderr]).toEqual([0, ""]);
    expect(JSON.parse(ofTenant.stdout)).toMatchObject({ equal: true, records_here: 50, records_there: 50 });
    const halves = [];
    for (const range of ["0x0-0x8000000000000000", "9223372036854775808-0"]) {
      const { stdout } = await run("compare", "--with", there.address, "--json", "--range", range);
      halves.push(JSON.parse(stdout));
    }
    expect(halves[0].records_here + halves[1].records_here).toBe(155);
    expect(halves[0].missing_here + halves[1].missing_here).toBe(4);
    expect(halves[0].records_here).toBeGreaterThan(30);
  });

  test("refuses ranges that are none, or overlap", async () => {
    const none = await run("compare", "--with", there.address, "--range", "1..2");
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining("FROM-TO")]);
    const overlapping = ["--range", "1-10", "--range", "5-6"];
    const refused = await run("compare", "--with", there.address, ...overlapping);
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining("[1, 10) and [5, 6) overlap"),
    ]);
  });

  test("says which node does not answer", async () => {
    const { exitCode, stderr } = await run("compare", "--with", "127.0.0.1:1");
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining("no node answers at 127.0.0.1:1")]);
  });
});

describe("repair --from", () => {
  test("brings what this node lacks, loses nothing newer, and leaves what is missing there", async () => {
    const repaired = await run("repair", "--from", there.address, "--json");
    expect([repaired.exitCode, repaired.stderr]).toEqual([0, ""]);
    const counts = { missing_here: 4, different: 4, missing_there: 1, copied: 8, gone_meanwhile: 0 };
    expect(JSON.parse(repaired.stdout)).toEqual(counts);

    const read = async (key: string, tenantId = "shop") => {
      const { success, value, siblings } = await onHere.service.read({
        tenantId,
        key,
        includeSiblings: true,
      });
      if (siblings.length === 0) return success ? new TextDecoder().decode(value) : undefined;
      return siblings.map((sibling) => new TextDecoder().decode(sibling.value));
    };
    expect(await read("only here")).toBe("h");
    expect(await read("only there")).toBe("t");
    expect(await read("tab\tkey", "ü")).toBe("t");
    expect(await read("newer here")).toBe("2");
    expect(await read("newer there")).toBe("2");
    expect(await read("concurrent")).toEqual(["right", "left"]);
    expect(await read("deleted there")).toBeUndefined();
    expect(await read("siblings there")).toEqual(["f", "e", "d"]);

    const { lines } = await run("compare", "--with", there.address, "--keys");
    expect(lines.filter((line) => !isSame(line))).toEqual([
      "different\tshop\tconcurrent",
      "different\tshop\tnewer here",
      "missing_there\tshop\tonly here",
    ]);
  });

  test("the other way round, both are equal, and a further run does nothing", async () => {
    const back = await command(["repair", "--from", here.address, "--addr", there.address]);
    expect([back.exitCode, back.stderr]).toEqual([
      0,
      "copied 3 keys: 1 missing here, 2 different; 0 are missing there, and left alone\n",
    ]);
    const compared = await run("compare", "--with", there.address, "--json");
    expect([compared.exitCode, JSON.parse(compared.stdout)]).toEqual([
      0,
      { equal: true, records_here: 159, records_there: 159, missing_here: 0, missing_there: 0, different: 0 },
    ]);
    expect((await run("repair", "--from", there.address)).stderr).toStartWith("copied 0 keys");
  });

  test("wants a directory or a node, not both", async () => {
    for (const args of [[], ["data", "--from", there.address]]) {
      const { exitCode, stderr } = await run("repair", ...args);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining("name one of the two")]);
    }
  });
});
