/** What the edge has taken on, as gauges; asked for at each scrape. */
import type { LoadStatus } from "../rpc/observer.ts";
import type { Instruments } from "./instruments.ts";

/** `load` gives undefined before the node serves. */
export function registerLoadGauges(instruments: Instruments, load: () => LoadStatus | undefined): void {
  instruments.gauge(
    "rpc_in_flight_calls",
    "Calls in flight",
    (gauge) => {
      for (const [name, count] of Object.entries(load()?.inFlight ?? {})) gauge.set({ class: name }, count);
    },
    ["class"],
  );
  instruments.gauge("rpc_load_pressure", "0: no call is shed; each unit sheds one more class", (gauge) =>
    gauge.set(load()?.pressure ?? 0),
  );
}
