/** How the node is, as gauges; asked for at each scrape. */
import type { Instruments } from "../instruments.ts";
import type { HealthSource, HealthStatus } from "./health-types.ts";

const numbers: Readonly<Record<HealthStatus, number>> = { healthy: 0, degraded: 1, unhealthy: 2 };

export function registerHealthGauges(instruments: Instruments, health: HealthSource): void {
  instruments.gauge("health_status", "0: healthy, 1: degraded, 2: unhealthy", (gauge) =>
    gauge.set(numbers[health.health().status]),
  );
  instruments.gauge(
    "health_check_status",
    "The same for each check",
    (gauge) => {
      for (const { name, status } of health.health().checks) gauge.set({ check: name }, numbers[status]);
    },
    ["check"],
  );
  instruments.gauge("health_ready", "1 while traffic should come here", (gauge) =>
    gauge.set(Number(health.readiness().ready)),
  );
}
