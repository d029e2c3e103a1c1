import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { changeSecretFile, fileFingerprint, readSecretFile } from "../../../src/platform/secret-files.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";

const folder = temporaryFolder();
let count = 0;

function secretFile(mode: number, text = "secret"): string {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe("reading", () => {
  test.each([0o600, 0o400, 0o440, 0o640])("mode %o is taken", (mode) => {
    expect(readSecretFile(secretFile(mode))).toBe("secret");
  });

  test.each([0o644, 0o604, 0o602, 0o601, 0o666])("mode %o is refused, with the way out", (mode) => {
    const path = secretFile(mode);
    expect(() => readSecretFile(path)).toThrow(`(mode 0${mode.toString(8)}); chmod o= ${path}`);
  });

  test("what counts is the file behind a link", () => {
    const link = join(folder, "link");
    symlinkSync(secretFile(0o600), link);
    expect(readSecretFile(link)).toBe("secret");
    const open = join(folder, "open-link");
    symlinkSync(secretFile(0o644), open);
    expect(() => readSecretFile(open)).toThrow("others can read");
  });

  test("a file that is not there and a directory are refused by name", () => {
    const path = join(folder, "absent");
    expect(() => readSecretFile(path)).toThrow(`cannot use ${path}: it does not exist`);
    mkdirSync(join(folder, "directory"), { mode: 0o700 });
    expect(() => readSecretFile(join(folder, "directory"))).toThrow("it is a directory");
  });
});

describe("changing", () => {
  test("makes a file that its owner alone reads", () => {
    const path = join(folder, "new");
    changeSecretFile(path, (text) => `${text ?? "none"}\n`);
    expect(readFileSync(path, "utf8")).toBe("none\n");
    expect(modeOf(path)).toBe(0o600);
  });

  test("keeps the rights of a file that is there", () => {
    const path = secretFile(0o640, "a");
    changeSecretFile(path, (text) => `${text}b`);
    expect(readFileSync(path, "utf8")).toBe("ab");
    expect(modeOf(path)).toBe(0o640);
  });

  test("leaves everything as it was when the change fails", () => {
    const path = secretFile(0o600, "a");
    const failed = () =>
      changeSecretFile(path, () => {
        throw new TypeError("no");
      });
    expect(failed).toThrow("no");
    expect(readFileSync(path, "utf8")).toBe("a");
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("is one at a time", () => {
    const path = secretFile(0o600, "a");
    changeSecretFile(path, () => {
      expect(() => changeSecretFile(path, () => "c")).toThrow(`${path}.new is there`);
      return "b";
    });
    expect(readFileSync(path, "utf8")).toBe("b");
  });
});

test("the fingerprint tells another file by the same name", () => {
  const path = secretFile(0o600);
  const before = fileFingerprint(path);
  expect(fileFingerprint(path)).toBe(before!);
  const other = secretFile(0o600);
  renameSync(other, path);
  expect(fileFingerprint(path)).not.toBe(before!);
  expect(fileFingerprint(join(folder, "absent"))).toBeUndefined();
});
