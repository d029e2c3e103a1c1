/** What the configuration says: who is let in, whether sizes fit the memory, whether the files it names are good. */
import { messageOf } from "../../base/errors.ts";
import { exposureWarnings, refuseUnaskedExposure } from "../../config/exposure.ts";
import type { Configuration } from "../../config/resolve.ts";
import { certificateEndMs } from "../../platform/certificates.ts";
import { readSecretFile } from "../../platform/secret-files.ts";
import { readText } from "../../platform/streams.ts";
import { bytesText } from "../units.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

/** What the runtime takes before it stores anything, and for calls in flight. */
const runtimeBytes = 300 * 2 ** 20;
const dayMs = 86_400_000;
const renewalDays = 14;

export function checkConfiguration(subject: Subject): Finding[] {
  const { configuration, configurationWarnings, environment } = subject;
  return [
    ...exposure(configuration),
    ...configurationWarnings.map((sentence) => warning(sentence, "correct the file")),
    durability(configuration),
    memory(configuration, environment.memoryLimitBytes),
    ...secrets(configuration),
    ...certificates(configuration, environment.clock.nowMs()),
  ];
}

function exposure(configuration: Configuration): Finding[] {
  try {
    refuseUnaskedExposure(configuration);
  } catch (error) {
    return [problem(messageOf(error), "the node does not start like this")];
  }
  const warnings = exposureWarnings(configuration);
  if (warnings.length === 0) return [ok("who may reach the node and do what was said")];
  return warnings.map((sentence) => warning(sentence, "docs/security.md has the ways to close it"));
}

function durability({ commit_log }: Configuration): Finding {
  const message = `commit_log.sync is ${commit_log.sync}`;
  if (commit_log.sync === "always") return ok(message);
  const lost = commit_log.sync === "never" ? "what the system has not written" : "the last moments";
  return warning(
    `${message}: a power failure loses ${lost} of acknowledged writes`,
    "commit_log.sync: always",
  );
}

/** Caches give memory back; what else is configured has to fit. */
function memory(configuration: Configuration, limitBytes: number): Finding {
  const { mem_table, sstable, limits, cache } = configuration;
  const fixedBytes =
    mem_table.max_size * (mem_table.num_mem_tables + 1) +
    sstable.max_index_memory +
    limits.max_pinned_bytes +
    runtimeBytes;
  const wholeBytes = fixedBytes + cache.max_size + cache.max_decompressed_size;
  const text = (byteCount: number) => bytesText(BigInt(Math.round(byteCount)));
  const message = `memory: up to ${text(fixedBytes)}, with full caches ${text(wholeBytes)}, of ${text(limitBytes)}`;
  if (fixedBytes > limitBytes) {
    return problem(message, "a smaller mem_table.max_size or limits.max_pinned_bytes, or more memory");
  }
  if (wholeBytes > limitBytes) return warning(message, "a smaller cache.max_size, or more memory");
  return ok(message);
}

function secrets({ auth, tls, cluster, gossip }: Configuration): Finding[] {
  const files = [auth.token_file, tls.key_file, cluster.token_file, gossip.key_file];
  return files
    .filter((file) => file !== undefined)
    .map((file) => {
      try {
        readSecretFile(file);
        return ok(`${file} can be read, and not by others`);
      } catch (error) {
        return problem(messageOf(error), "the node does not start like this");
      }
    });
}

function certificates({ tls }: Configuration, nowMs: number): Finding[] {
  const file = tls.cert_file;
  if (file === undefined) return [];
  try {
    const days = Math.floor((certificateEndMs(readText(file)) - nowMs) / dayMs);
    const advice = "renew it; the node reads it anew by itself";
    if (days < 0) return [problem(`the certificate in ${file} has expired`, advice)];
    const message = `the certificate in ${file} is good for ${days} days`;
    return [days < renewalDays ? warning(message, advice) : ok(message)];
  } catch (error) {
    return [problem(`${file} holds no certificate (${messageOf(error)})`, "put one there, in PEM")];
  }
}
