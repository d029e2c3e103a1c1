import { expect, test } from "bun:test";
import { GhostTable, ghostSides } from "../../../../src/engine/cache/ghosts.ts";

test("a ghost is known until it is taken", () => {
  const ghosts = new GhostTable(64);
  ghosts.add(0x1234_5678, ghostSides.window);
  ghosts.add(0x1234_5671, ghostSides.main);
  expect(ghosts.take(0x1234_5670)).toBe(ghostSides.none);
  expect(ghosts.take(0x1234_5678)).toBe(ghostSides.window);
  expect(ghosts.take(0x1234_5678)).toBe(ghostSides.none);
  expect(ghosts.take(0x1234_5671)).toBe(ghostSides.main);
});

test("a newer ghost takes the place of an older one, and the counts follow", () => {
  const ghosts = new GhostTable(64);
  for (let place = 0; place < 16; place++) ghosts.add(0x100 + place, ghostSides.window);
  expect(ghosts.count(ghostSides.window)).toBe(16);
  ghosts.add(0x203, ghostSides.main);
  expect(ghosts.count(ghostSides.window)).toBe(15);
  expect(ghosts.count(ghostSides.main)).toBe(1);
  expect(ghosts.take(0x103)).toBe(ghostSides.none);
  expect(ghosts.take(0x203)).toBe(ghostSides.main);
  expect(ghosts.count(ghostSides.main)).toBe(0);
  expect(ghosts.count(ghostSides.window)).toBe(15);
});
