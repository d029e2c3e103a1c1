/**
 * Whether a foreign program that a test needs is there. Where it is missing, the tests that need it are skipped and
 * say so; in CI that is a failure.
 */
export function requirePeer(name: string, isThere: () => boolean): boolean {
  if (isThere()) return true;
  if (process.env["CI"] === "true") throw new Error(`${name} is missing, and CI needs it: see .ci/run`);
  process.stderr.write(`SKIPPED: ${name} is missing on this machine; the tests that need it do not run\n`);
  return false;
}

/** Debian's, where its packages for Python are. */
export const python = "/usr/bin/python3";

/** Whether Python has these modules. */
export function hasPythonModules(...names: string[]): boolean {
  return Bun.spawnSync([python, "-c", `import ${names.join(", ")}`]).success;
}

export const hasGrpcio = (): boolean => hasPythonModules("grpc", "google.protobuf");
