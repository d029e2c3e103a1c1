/** Where the console starts in the browser. */
import { render } from "preact";
import { App } from "./app.tsx";
import { startFeed } from "./stats-feed.ts";

const place = document.getElementById("app");
if (place !== null) {
  startFeed();
  render(<App />, place);
}
