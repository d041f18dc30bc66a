import { type FeedHandlers, ProjectFeed } from "../stream/project-feed";
import { BASE } from "./client";
import { apiKey } from "./key";
import { paths } from "./paths";

/** Tells of a project's events until the answer is called; asks for the key when the server refuses it. */
export function followProject(project: string, handlers: Pick<FeedHandlers, "onEvent" | "onConnection">): () => void {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${BASE}${paths.socket(project)}`;
  const feed = new ProjectFeed(url, { ...handlers, onRefused: (_, key) => apiKey.refused(key) }, { key: apiKey.get });
  const unsubscribe = apiKey.subscribe(() => apiKey.isWanted() || feed.reconnect());
  return () => {
    unsubscribe();
    feed.close();
  };
}
