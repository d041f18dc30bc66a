export { EventLog } from "./event-log.ts";
export { type FeedConnection, type FeedHandlers, type FeedOptions, ProjectFeed, type Socket } from "./project-feed.ts";
export type { EdgeFate, Failure, NodeProgress, NodeRow, NodeStatus, Reason, RunEvent, RunHead, RunStatus } from "./protocol.ts";
export { isRunEnd, reduce, reduceAll, replay } from "./reduce.ts";
export { type Connection, RunStore } from "./run-store.ts";
export { RunStream, type StreamHandlers, type StreamOptions } from "./run-stream.ts";
export { type Frame, FrameParser } from "./sse.ts";
export { afterRetry, EMPTY, type Lap, lastLap, type NodeView, type RunState, statusOf, viewsFromRows } from "./state.ts";
