/** Asks for a token. */
import { useState } from "preact/hooks";
import { Dialog } from "./parts.tsx";
import { isSigningIn, signIn, token } from "./session.ts";

export function SignIn() {
  const [text, setText] = useState("");
  const [isKept, setKept] = useState(false);
  const close = () => {
    isSigningIn.value = false;
  };
  return (
    <Dialog title="Use a token" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          signIn(text.trim(), isKept);
          close();
        }}
      >
        <label class="field">
          Token
          <input
            type="password"
            autoComplete="off"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={isKept} onInput={(event) => setKept(event.currentTarget.checked)} />
          Keep it until this tab is closed
        </label>
        <div class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          {token.value !== "" && (
            <button
              type="button"
              onClick={() => {
                signIn("", false);
                close();
              }}
            >
              Forget the token
            </button>
          )}
          <button type="submit" class="primary">
            Use it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
