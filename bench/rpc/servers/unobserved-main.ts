/** A node that tells nobody anything: what observers cost is the difference to one as it comes. */
import { silentObserver } from "../../../src/engine/observer.ts";
import { silentHttp2Observer } from "../../../src/http2/observer.ts";
import { silentNodeObserver } from "../../../src/node/node-observer.ts";
import { silentRpcObserver } from "../../../src/rpc/observer.ts";
import { EngineTelemetry } from "../../../src/telemetry/engine-telemetry.ts";
import { Http2Telemetry } from "../../../src/telemetry/http2-telemetry.ts";
import { NodeTelemetry } from "../../../src/telemetry/node-telemetry.ts";
import { RpcTelemetry } from "../../../src/telemetry/rpc-telemetry.ts";

Object.assign(EngineTelemetry.prototype, silentObserver);
Object.assign(Http2Telemetry.prototype, silentHttp2Observer);
Object.assign(NodeTelemetry.prototype, silentNodeObserver);
Object.assign(RpcTelemetry.prototype, silentRpcObserver);

await import("../../../src/main.ts");
