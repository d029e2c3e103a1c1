/** The frame around the views: where one is, who one is, and whether the node answers. */
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { admin, isReachable } from "./api.ts";
import { Cluster } from "./cluster.tsx";
import { Data } from "./data.tsx";
import { Diagnostics } from "./diagnostics.tsx";
import { Overview } from "./overview.tsx";
import { Badge } from "./parts.tsx";
import { linkTo, route } from "./route.ts";
import { identity, isSigningIn, token } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { feed } from "./stats-feed.ts";
import { Storage } from "./storage.tsx";
import { useStore } from "./store.ts";
import { useCall } from "./use-call.ts";

const views: readonly (readonly [name: string, title: string, view: ComponentType])[] = [
  ["overview", "Overview", Overview],
  ["data", "Data", Data],
  ["storage", "Storage", Storage],
  ["cluster", "Cluster", Cluster],
  ["diagnostics", "Diagnostics", Diagnostics],
];

export function App() {
  const { view } = useStore(route);
  const who = useCall((signal) => admin.whoAmI({}, { signal }), []);
  useEffect(() => {
    identity.value = who.failure === undefined ? who.answer : undefined;
  }, [who.answer, who.failure]);
  const [name, title, View] = views.find(([candidate]) => candidate === view) ?? views[0]!;
  useEffect(() => {
    document.title = `${title} · PairDB console`;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={linkTo("overview")}>
          <span class="mark" aria-hidden="true" /> PairDB
        </a>
        <nav aria-label="Views">
          {views.map(([candidate, text]) => (
            <a
              key={candidate}
              href={linkTo(candidate)}
              aria-current={candidate === name ? "page" : undefined}
            >
              {text}
            </a>
          ))}
        </nav>
        <Connection />
        <Account />
      </header>
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{title}</h1>
        <LostBanner />
        <View />
      </main>
      {useStore(isSigningIn) && <SignIn />}
    </>
  );
}

function Connection() {
  const { state } = useStore(feed);
  if (!useStore(isReachable) || state === "lost") return <Badge tone="bad">disconnected</Badge>;
  if (state === "live") return <Badge tone="good">live</Badge>;
  return <Badge tone="quiet">{state === "refused" ? "no live figures" : "connecting"}</Badge>;
}

function Account() {
  const who = useStore(identity);
  const hasToken = useStore(token) !== "";
  const label = who === undefined ? "Use a token" : `${who.name}: ${who.scopes.join(", ") || "no rights"}`;
  return (
    <button type="button" class="account" onClick={() => (isSigningIn.value = true)} title={label}>
      {who === undefined ? label : hasToken ? who.name : `${who.name} · use a token`}
    </button>
  );
}

function LostBanner() {
  if (useStore(isReachable)) return null;
  return (
    <p class="lost" role="alert">
      <strong>The connection to the node is lost.</strong> What is shown is from before; the console goes on
      by itself when the node answers.
    </p>
  );
}
