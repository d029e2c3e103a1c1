/**
 * Asks a member for all that it knows, without joining its ring: a push/pull that tells nothing is answered like any
 * other, by members of every make.
 */
import { StorageError } from "../base/errors.ts";
import { endpointText } from "../base/ip-address.ts";
import type { Clock } from "../platform/clock.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Ending } from "./environment.ts";
import { DialledStream } from "./network/dialled-stream.ts";
import { defaultLimits } from "./settings.ts";
import { StreamFactory } from "./stream-factory.ts";
import { Envelope, type EnvelopeSettings } from "./wire/envelope.ts";
import type { PushPullMember } from "./wire/messages.ts";
import { encodePushPull } from "./wire/stream-messages.ts";

/** UNAVAILABLE where nobody answers, or not in the ring's way. */
export function queryMembers(
  to: Endpoint,
  ring: EnvelopeSettings,
  clock: Clock,
  timeoutMs: number,
): Promise<readonly PushPullMember[]> {
  const streams = new StreamFactory(new Envelope(ring), defaultLimits);
  const question = encodePushPull({ isJoin: false, members: [], userState: new Uint8Array(0) });
  return new Promise((resolve, reject) => {
    const refuse = (reason: string) =>
      reject(new StorageError("UNAVAILABLE", `${endpointText(to)} does not tell its members: ${reason}`));
    const conversation = {
      ...streams.request(to, question),
      timeoutMs,
      ended: (answer: Ending) => {
        if (answer.kind === "pushPull") resolve(answer.body.members);
        else if (answer.kind === "failure") refuse(answer.reason);
        else refuse(answer.kind === "error" ? answer.body.message : `it answers with a ${answer.kind}`);
      },
    };
    new DialledStream(conversation, clock, () => undefined).dial();
  });
}
