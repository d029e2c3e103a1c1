/** Small parts that all views are made of. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isLost } from "./api.ts";
import { isSigningIn } from "./session.ts";
import type { Call } from "./use-call.ts";

export type Tone = "good" | "warn" | "bad" | "quiet" | "accent";

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

interface PanelProps {
  readonly title: string;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}

export function Panel({ title, actions, children, ...rest }: PanelProps) {
  return (
    <section class={`panel ${rest.class ?? ""}`} aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        <div class="actions">{actions}</div>
      </header>
      {children}
    </section>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="state" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what} …
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="state">{children}</div>;
}

/** What went wrong, and what the reader can do about it. */
export function Failure({ error, again }: { error: unknown; again?: (() => void) | undefined }) {
  const failure = ConnectError.from(error);
  if (failure.code === Code.Unauthenticated || failure.code === Code.PermissionDenied) {
    return (
      <div class="state" role="alert">
        <strong>Not allowed</strong>
        <p>{failure.rawMessage}</p>
        <button type="button" onClick={() => (isSigningIn.value = true)}>
          Use a token
        </button>
      </div>
    );
  }
  return (
    <div class="state" role="alert">
      <strong>{isLost(error) ? "The node does not answer" : "That failed"}</strong>
      <p>{isLost(error) ? "Trying again by itself as soon as it is back." : failure.rawMessage}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

interface AnsweredProps<Answer> {
  readonly call: Call<Answer>;
  readonly what: string;
  readonly children: (answer: Answer) => ComponentChildren;
}

/** The answer of a call, or what is there instead of it. */
export function Answered<Answer>({ call, what, children }: AnsweredProps<Answer>) {
  if (call.answer !== undefined) return <>{children(call.answer)}</>;
  if (call.failure !== undefined) return <Failure error={call.failure} again={call.again} />;
  return <Loading what={what} />;
}

export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Keeps the focus inside; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly action: string;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Confirm({ title, action, onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            onConfirm();
            onClose();
          }}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
