import type { Status } from "../../api/types";
import type { Kind } from "./spans";

/** Each kind has a shape of its own, so that colour is never the only sign. */
export const LOOKS: Record<Kind, { word: string; look: string; status: Status }> = {
  queued: { word: "Queued", look: "h-2.5 border border-dashed border-(--st)", status: "QUEUED" },
  running: { word: "At work", look: "h-3.5 bg-(--st)", status: "RUNNING" },
  waiting: { word: "Waiting", look: "h-1 bg-(--st)", status: "WAITING" },
  retrying: { word: "Before another attempt", look: "h-0 border-t-2 border-dotted border-(--st)", status: "RETRYING" },
};
