/** Values of messages, as tests write them. */

export function clockOf(nodeId: string, timestamp: bigint) {
  return { entries: [{ coordinatorNodeId: nodeId, logicalTimestamp: timestamp }] };
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
