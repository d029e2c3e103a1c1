/**
 * TLS on an accepted socket. Each socket is upgraded by itself, so it takes the certificate of its moment; what the
 * runtime tells of the handshake is judged here.
 */
import type { Socket, SocketHandler } from "bun";
import type { PeerCertificate } from "./api.ts";
import type { RefusalReason } from "./observer.ts";

export interface TlsMaterial {
  /** PEM. */
  readonly key: string;
  /** PEM, with the intermediate ones. */
  readonly certificate: string;
  /** When there, clients are asked for a certificate. */
  readonly clients?: ClientCertificates;
}

export interface ClientCertificates {
  /** PEM. Who shows a certificate that is not of this authority is not served. */
  readonly authority: string;
  /** Whether those are served who show none. */
  readonly areRequired: boolean;
}

/** The list of protocols as TLS writes it: each name after its length. */
export const onlyHttp2 = Buffer.from("\x02h2", "latin1");

/** What begins with this byte is TLS. */
export const tlsFirstByte = 0x16;

/** Begins the handshake; from now on `handler` hears of what was sent inside. */
export function upgrade<Data>(
  socket: Socket<Data>,
  data: Data,
  material: TlsMaterial,
  handler: SocketHandler<Data>,
): Socket<Data> {
  const { clients } = material;
  const options = {
    data,
    // The types of the runtime do not know it yet.
    isServer: true,
    socket: handler,
    tls: {
      key: material.key,
      cert: material.certificate,
      ...(clients === undefined ? {} : { ca: clients.authority }),
      requestCert: clients !== undefined,
      rejectUnauthorized: clients?.areRequired ?? false,
      ALPNProtocols: onlyHttp2,
    },
  };
  return socket.upgradeTLS<Data>(options)[1];
}

/** Why a client is not served after its handshake; `undefined` when it is. */
export function judgeHandshake<Data>(
  socket: Socket<Data>,
  succeeded: boolean,
  clients: ClientCertificates | undefined,
): RefusalReason | undefined {
  if (!succeeded) return "tls_handshake";
  // A bad certificate of a client does not make the handshake fail, and its bytes could follow.
  const isTrusted = clients === undefined || socket.authorized === true;
  if (!isTrusted && (clients.areRequired || hasCertificate(socket))) return "tls_client_certificate";
  return socket.alpnProtocol === "h2" ? undefined : "tls_alpn";
}

function hasCertificate<Data>(socket: Socket<Data>): boolean {
  // Without one, the runtime gives null or an object without fields.
  return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
}

/** What a client has shown, after a handshake that was not refused; `undefined` when that is nothing. */
export function certificateOf<Data>(
  socket: Socket<Data>,
  clients: ClientCertificates | undefined,
): PeerCertificate | undefined {
  if (clients === undefined || socket.authorized !== true) return undefined;
  const { subject, subjectaltname } = socket.getPeerCertificate();
  const commonName = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN;
  return { commonName, subjectAltName: subjectaltname };
}
