/**
 * Keys that operators' existing files carry and that never had an effect, or none any more: they load with one
 * warning each, so that such a file starts a node without being edited first.
 */

/** Path (`*` for every key of a section) to the advice that ends the warning. */
const legacyKeys: Readonly<Record<string, string>> = {
  "server.grpc_port": "the gRPC port is server.port",
  "server.metrics_port": "the HTTP port is http.port, or metrics.port",
  "commitlog.*": "the section is commit_log",
  "memtable.*": "the section is mem_table",
  "sstable.l0_trigger": "the key is compaction.l0_trigger",
  "sstable.max_file_size": "table sizes are sstable.l0_size, l1_size and l2_size",
  "sstable.bloom_fpr": "the key is sstable.bloom_filter_fp",
  "sstable.cache_size": "the key is cache.max_size",
  "cache.eviction_alg": "the cache adapts by itself",
  "cache.ttl": "cached records do not expire",
  "compaction.l0_size": "the key is sstable.l0_size",
  "compaction.l1_size": "the key is sstable.l1_size",
  "compaction.l2_size": "the key is sstable.l2_size",
  "compaction.level_multiplier": "the key is sstable.level_multiplier",
  "gossip.advertise_port": "members learn the port from gossip.bind_port",
};

/** The tree of sections as it was read, before anything is checked. */
export type RawSections = Record<string, unknown>;

function isSection(value: unknown): value is RawSections {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits off the legacy keys: the sections without them, and a warning for each that was there. */
export function withoutLegacyKeys(sections: RawSections): { sections: RawSections; warnings: string[] } {
  const kept: RawSections = {};
  const warnings: string[] = [];
  for (const [name, section] of Object.entries(sections)) {
    const legacySection = legacyKeys[`${name}.*`] !== undefined;
    if (!isSection(section)) {
      if (!(legacySection && section === null)) kept[name] = section;
      continue;
    }
    const entries = Object.entries(section).filter(([key]) => {
      const advice = legacyKeys[`${name}.*`] ?? legacyKeys[`${name}.${key}`];
      if (advice !== undefined) warnings.push(`${name}.${key} is ignored: ${advice}`);
      return advice === undefined;
    });
    if (!legacySection) kept[name] = Object.fromEntries(entries);
  }
  return { sections: kept, warnings };
}
