/** Sends a response whose body comes piece by piece, no faster than the client takes it. */
import type { ServerResponse } from "../../http2/api.ts";
import { errorCodes } from "../../http2/error-codes.ts";
import { responseBlock, trailerBlock } from "./fields.ts";

export interface StreamedResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined: the head alone. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Asked for once the body has ended. */
  readonly trailers: (() => Headers) | undefined;
}

/**
 * Resolves when all is handed over, or the client is gone; then the body is returned from. Rejects with what the body
 * threw, after a reset of the stream.
 */
export async function sendResponse(response: ServerResponse, sent: StreamedResponse): Promise<void> {
  const { status, headers, body, trailers } = sent;
  const isHeadOnly = body === undefined && trailers === undefined;
  response.sendHeaders(responseBlock(status, headers), isHeadOnly);
  if (isHeadOnly) return;
  try {
    for await (const chunk of body ?? []) {
      if (chunk.length === 0) continue;
      const isRoomLeft = response.sendData(chunk, 0, chunk.length);
      if (!response.isOpen || (!isRoomLeft && !(await response.whenWritable()))) return;
    }
  } catch (error) {
    response.reset(errorCodes.INTERNAL_ERROR);
    throw error;
  }
  if (trailers === undefined) response.sendData(noBytes, 0, 0, true);
  else response.sendTrailers(trailerBlock(trailers()));
}

const noBytes = new Uint8Array(0);
