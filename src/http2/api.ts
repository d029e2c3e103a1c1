/**
 * What a server is to the application above it: for each request it calls a handler with the request and its response.
 *
 * **When.** The handler is called once the request's fields are there: with the whole body if that arrived in the same
 * read of the socket (`isWhole`), else with a body that follows. A request that its client takes back before that is
 * never seen.
 *
 * **Ownership.**
 * 1. Bytes that are handed up (`body`, `data` of a listener) are the server's: they are valid until the call in which
 *    they were handed up returns. Whoever keeps them copies them.
 * 2. Bytes that are handed down (`answer`, `sendData`) are the caller's again when the call returns; those of `giveData`
 *    and header blocks are kept by reference: nobody changes them any more, or not before their lender got them back.
 * 3. Request and response are one object, which serves further requests when a handler that got a whole request has
 *    ended the response before it returned. So whoever ended a response inside the handler does not touch either
 *    again. In all other cases they stay what they are, and every call after the end does nothing.
 *
 * **Back-pressure.** What a client may send of a body is what it was granted: `initialStreamWindowBytes` at first, and
 * what `grant` adds as bytes were dealt with. What the application sends and the client does not take yet, waits in the
 * server within the limits; `sendData` says when to wait.
 */
import type { Slice } from "../base/bytes.ts";

export type RequestHandler = (request: ServerRequest, response: ServerResponse) => void;

/** Fields in the order of arrival, with names in lower case and one character for each byte. */
export interface Fields {
  readonly count: number;
  name(index: number): string;
  value(index: number): string;
  /** The first value of this name. */
  get(name: string): string | undefined;
}

/** Who is at the other end of a connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Over TLS. */
  readonly isSecure: boolean;
  /** Names of the client's certificate, which was verified; undefined without one. */
  readonly certificate: PeerCertificate | undefined;
}

export interface PeerCertificate {
  readonly commonName: string | undefined;
  /** As in "DNS:a.example, URI:spiffe://b/c". */
  readonly subjectAltName: string | undefined;
}

export interface ServerRequest {
  readonly peer: Peer;
  readonly method: string;
  /** Of CONNECT, both are empty. */
  readonly scheme: string;
  readonly path: string;
  /** `:authority`, or else `host`; empty without either. */
  readonly authority: string;
  /** Without the pseudo-header fields. */
  readonly fields: Fields;
  /** What `content-length` says; the body is held to it. */
  readonly contentLength: number | undefined;
  /** Whether the body has arrived whole, and is in `body` until the handler returns. */
  readonly isWhole: boolean;
  readonly body: Slice;
  /** Fields after the body; undefined before its end, and where there are none. */
  readonly trailers: Fields | undefined;
  /**
   * Hands what has arrived of the body to the listener, and then what follows. Of a whole request the handler does
   * that before it returns or not at all; of others the body waits, as far as its client may send.
   */
  listen(listener: RequestListener): void;
  /** Lets the client send so many more bytes of the body, beyond what it may send already. */
  grant(byteCount: number): void;
}

/** Nothing is called after the end of the response. */
export interface RequestListener {
  /** The range is valid until this returns: its memory is used for something else, or given back, soon after. */
  data(bytes: Uint8Array, start: number, length: number): void;
  /** The body is complete, and so are the trailers. */
  end(): void;
  /** The request is over: its client took it back, or the connection is gone. Whoever sends the response can stop. */
  aborted(code: number): void;
}

export interface ServerResponse {
  /** False once the response has ended or the request is over; then nothing more is sent. */
  readonly isOpen: boolean;
  /** Headers, one piece of data, and trailers: a whole response. Without trailers the data ends it. */
  answer(headers: Uint8Array, bytes: Uint8Array, start: number, length: number, trailers?: Uint8Array): void;
  /** The first thing sent. Blocks are made by `encodeFields`. */
  sendHeaders(block: Uint8Array, isEnd?: boolean): void;
  /** Whether more is welcome at once; else `whenWritable` tells. What has to wait is copied. */
  sendData(bytes: Uint8Array, start: number, length: number, isEnd?: boolean): boolean;
  /** Ends the response. */
  sendTrailers(block: Uint8Array): void;
  /** Resolves to `isOpen`, once there is room again or the request is over. One waits at a time. */
  whenWritable(): Promise<boolean>;
  /** Ends request and response at once, with an error code of HTTP/2. */
  reset(code: number): void;
}
