/** Where the reader is, kept behind the `#` of the address: `#/data?tenant=shop&key=cart%3A7`. */
import { Store } from "./store.ts";

export interface Route {
  readonly view: string;
  readonly parameters: URLSearchParams;
}

export const route = new Store(parse());

addEventListener("hashchange", () => {
  route.value = parse();
});

function parse(): Route {
  const [, view = "overview", query = ""] = /^#\/([a-z]*)(?:\?(.*))?$/.exec(location.hash) ?? [];
  return { view, parameters: new URLSearchParams(query) };
}

export function linkTo(view: string, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return `#/${view}${query === "" ? "" : `?${query}`}`;
}

export function goTo(view: string, parameters: Readonly<Record<string, string>> = {}): void {
  location.hash = linkTo(view, parameters);
}
