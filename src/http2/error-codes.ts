/** Error codes of HTTP/2 (RFC 9113, section 7), as RST_STREAM and GOAWAY carry them. */
export const errorCodes = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type ErrorName = keyof typeof errorCodes;

const names = new Map<number, string>(Object.entries(errorCodes).map(([name, code]) => [code, name]));

/** The name of a code; peers may send codes that have none. */
export function errorName(code: number): string {
  return names.get(code) ?? `0x${code.toString(16)}`;
}
