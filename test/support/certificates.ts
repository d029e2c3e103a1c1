/** Certificates made by `openssl`: an authority, a server for 127.0.0.1, clients. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { requirePeer } from "./peers.ts";

export const isOpensslThere = requirePeer("openssl", () => Bun.which("openssl") !== null);

export interface Certificate {
  readonly keyPath: string;
  readonly certificatePath: string;
  readonly key: string;
  readonly certificate: string;
}

function openssl(folder: string, args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: folder, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr.toString()}`);
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function read(folder: string, name: string): Certificate {
  const [keyPath, certificatePath] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const [key, certificate] = [readFileSync(keyPath, "utf8"), readFileSync(certificatePath, "utf8")];
  return { keyPath, certificatePath, key, certificate };
}

/** Signs itself. */
export function makeAuthority(folder: string, name: string): Certificate {
  openssl(folder, [
    "req",
    "-x509",
    ...newKey,
    "-subj",
    `/CN=${name}`,
    "-days",
    "2",
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.crt`,
  ]);
  return read(folder, name);
}

/** Signed by the authority of that name in the same folder; valid for 127.0.0.1. */
export function makeCertificate(folder: string, name: string, authority: string): Certificate {
  const alternative = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  openssl(folder, [
    "req",
    ...newKey,
    "-subj",
    `/CN=${name}`,
    ...alternative,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  ]);
  const issuer = ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"];
  openssl(folder, [
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    ...issuer,
    "-copy_extensions",
    "copy",
    "-days",
    "2",
    "-out",
    `${name}.crt`,
  ]);
  return read(folder, name);
}
